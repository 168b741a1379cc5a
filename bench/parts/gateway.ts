/** The whole gateway, everything on, in front of the given server, with the consents of the fixtures on a real chain. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemo } from '../../src/app/demo.ts';

const [upstream = '', persona = 'clinician'] = process.argv.slice(2);
const state = mkdtempSync(join(tmpdir(), 'consentry-bench-'));
const demo = await startDemo({
  state,
  fresh: true,
  upstream,
  ports: { gateway: 0, fhir: 0, issuer: 0, chain: 0 },
  log: 'warn',
  blockTime: 0.5,
  step: () => {},
  progress: () => {},
});
await demo.fhir.close();
process.send?.({ url: demo.gateway.fhirBase, token: demo.tokens.find((each) => each.persona.name === persona)?.token });
process.on('disconnect', () => {
  void demo.close().finally(() => {
    rmSync(state, { recursive: true, force: true });
    process.exit(0);
  });
});
