/** The gateway as `serve` runs it, everything on, in front of the given server: a process of its own, as in production. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway } from '../../src/app/start-gateway.ts';
import type { Config } from '../../src/config/schema.ts';

interface Sandbox {
  readonly state: string;
  readonly config: Config;
  readonly environment: Readonly<Record<string, string>>;
}

const [upstream = '', told = '{}'] = process.argv.slice(2);
const sandbox = JSON.parse(told) as Sandbox;
const data = mkdtempSync(join(tmpdir(), 'consentry-bench-gateway-'));
for (const name of ['patients.vault', 'erased.list'])
  cpSync(join(sandbox.state, 'vault', name), join(data, 'vault', name));
const { relayerKey: _relayerKey, ...chain } = sandbox.config.chain;
const gateway = await startGateway({
  config: {
    ...sandbox.config,
    profile: 'production',
    chain,
    data,
    upstream: { ...sandbox.config.upstream, url: upstream },
    listen: { host: '127.0.0.1', port: 0 },
  },
  environment: sandbox.environment,
  log: 'warn',
});
process.send?.({ url: gateway.fhirBase });
process.on('disconnect', () => {
  void gateway.close().finally(() => {
    rmSync(data, { recursive: true, force: true });
    process.exit(0);
  });
});
