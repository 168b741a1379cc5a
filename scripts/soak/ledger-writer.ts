/** Appends as fast as it can until it is killed, and says on standard output what was acknowledged and published. */
import { createHmac, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openRotatingFiles } from '../../src/adapters/store/rotating-files.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { Checkpoint } from '../../src/domain/ledger/checkpoint.ts';
import type { LedgerEntry } from '../../src/domain/ledger/entry.ts';
import { HALF_YEAR_MS, ORIGIN } from './ledger-soak.ts';

/** `from`: the time of the entries; `turnMs`: after so long it is half a year later, if at all. */
const [folder = '', cycle = '0', from = '0', turnMs = ''] = process.argv.slice(2);
const WRITERS = 16;
const WHO = ['p0', 'p1', 'p2'] as unknown as readonly PatientId[];
const keys = new Map(WHO.map((patient) => [patient, createHmac('sha256', 'soak').update(patient).digest()] as const));
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

const ledger = await openRotatingFiles({
  folder,
  origin: ORIGIN,
  payloadKeys: {
    keyOf: (patient) => keys.get(patient),
    makeKey: () => Promise.reject(new Error('all keys are made')),
    all: () => keys.entries(),
    indexKey: new Uint8Array(32),
  },
  clock: { now: () => Date.now() as Instant },
  random: { bytes: (length) => Uint8Array.from(randomBytes(length)) },
  limits: { integrateMs: 20, segmentBytes: 256 * 1024 },
});
const publish = (_checkpoint: Checkpoint, text: string): void =>
  say(`checkpoint ${Buffer.from(text).toString('base64')}`);
for (const log of ledger.logs()) publish(log.integrated(), log.checkpoint());
ledger.onPublish(publish);
say('open');
let at = Number(from);
if (turnMs !== '')
  setTimeout(() => {
    say('turning');
    at += HALF_YEAR_MS;
  }, Number(turnMs));

let n = 0;
const writer = async (): Promise<never> => {
  for (;;) {
    const entry: LedgerEntry = {
      kind: 'read',
      at: at as Instant,
      requestId: `${cycle}-${n++}`,
      decision: 'permit',
      patients: n % 5 === 0 ? WHO : WHO.slice(n % 3, (n % 3) + 1),
      resources: ['Observation/o1'],
      outcome: { status: 200, returned: 1, withheld: 0, masked: 0 },
      story: [],
      height: 1,
    };
    try {
      const { log, index, leaf } = await ledger.append(entry);
      say(`entry ${log} ${index} ${leaf}`);
    } catch {
      say('refused');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
};
await Promise.all(Array.from({ length: WRITERS }, writer));
