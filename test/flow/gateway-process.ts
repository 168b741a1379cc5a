import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config/schema.ts';
import type { Rig } from './rig.ts';

export interface GatewayProcess {
  readonly url: string;
  readonly data: string;
  /** Starts it (again). Resolves at once: who calls sees for themselves when it serves. */
  start(): void;
  /** As a power cut would. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Status of a read as a persona; 0 while nobody answers. */
  read(path: string, persona: string): Promise<number>;
  close(): Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });

/** `consentry serve` as a process of its own on the chain, vault and issuer of the rig. */
export async function gatewayProcess(rig: Rig, config: Partial<Config>, key: string): Promise<GatewayProcess> {
  const data = mkdtempSync(join(tmpdir(), 'consentry-process-'));
  for (const name of ['patients.vault', 'erased.list'])
    cpSync(join(rig.state, 'vault', name), join(data, 'vault', name));
  const port = await freePort();
  const file = join(data, 'config.json');
  const whole = { ...rig.demo.config, ...config, data, listen: { host: '127.0.0.1', port } };
  writeFileSync(file, JSON.stringify(whole));
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;

  const kill = (): Promise<void> =>
    new Promise((resolve) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });

  return {
    url,
    data,
    start() {
      child = spawn(process.execPath, ['src/main.ts', 'serve', '--config', file, '--quiet'], {
        env: { ...process.env, ...rig.demo.environment, PROCESS_KEY: key },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    },
    kill,
    async read(path, persona) {
      const token = rig.demo.tokens.find((each) => each.persona.name === persona)?.token;
      const answer = await fetch(`${url}/fhir${path}`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(5_000),
      }).catch(() => undefined);
      return answer?.status ?? 0;
    },
    async close() {
      await kill();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
