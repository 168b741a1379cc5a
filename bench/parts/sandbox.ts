/** The parts around a gateway: a chain with the consents of the fixtures, an issuer, a vault. Tells how to reach them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemo } from '../../src/app/demo.ts';

const [persona = 'clinician', scope] = process.argv.slice(2);
const state = mkdtempSync(join(tmpdir(), 'consentry-bench-'));
const demo = await startDemo({
  state,
  fresh: true,
  ports: { gateway: 0, fhir: 0, issuer: 0, chain: 0 },
  log: 'warn',
  blockTime: 1,
  step: () => {},
  progress: () => {},
});
const found = demo.tokens.find((each) => each.persona.name === persona);
process.send?.({
  state,
  config: demo.config,
  environment: demo.environment,
  token:
    found === undefined || scope === undefined
      ? found?.token
      : await demo.issuer.mint({ ...found.persona, scope }, 3600),
});
process.on('disconnect', () => {
  void demo.close().finally(() => {
    rmSync(state, { recursive: true, force: true });
    process.exit(0);
  });
});
