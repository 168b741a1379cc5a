/** Appends as fast as it can until it is killed, and says on standard output what was acknowledged and published. */
import { createHmac, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openLedger } from '../../src/adapters/store/files-ledger.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { LedgerEntry } from '../../src/domain/ledger/entry.ts';

const [folder = '', cycle = '0', writers = '16'] = process.argv.slice(2);
const WHO = ['p0', 'p1', 'p2'] as unknown as readonly PatientId[];
const keys = new Map(WHO.map((patient) => [patient, createHmac('sha256', 'soak').update(patient).digest()] as const));
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

const ledger = await openLedger({
  folder,
  origin: 'ledger.example/soak',
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
const publish = (): void => say(`checkpoint ${Buffer.from(ledger.checkpoint()).toString('base64')}`);
publish();
ledger.onPublish(publish);
say('open');

let n = 0;
const writer = async (): Promise<never> => {
  for (;;) {
    const entry: LedgerEntry = {
      kind: 'read',
      at: Date.now() as Instant,
      requestId: `${cycle}-${n++}`,
      decision: 'permit',
      patients: n % 5 === 0 ? WHO : WHO.slice(n % 3, (n % 3) + 1),
      resources: ['Observation/o1'],
      outcome: { status: 200, returned: 1, withheld: 0, masked: 0 },
      story: [],
      height: 1,
    };
    const { index, leaf } = await ledger.append(entry);
    say(`entry ${index} ${leaf}`);
  }
};
await Promise.all(Array.from({ length: Number(writers) }, writer));
