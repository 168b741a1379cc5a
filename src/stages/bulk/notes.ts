import type { PatientId } from '../../domain/fhir/interaction.ts';
import { splitLines } from '../../domain/json/lines.ts';
import type { Spool } from '../../ports.ts';
import type { Tally } from '../release/bundle.ts';

/** What was released, kept apart until the file is known to be whole: a ledger that names what never left would be wrong. */
export function tallyNotes(spool: Spool) {
  return {
    add: ({ patients, grants, rules, ...rest }: Tally): Promise<void> =>
      spool.write(
        Buffer.from(
          `${JSON.stringify({ ...rest, patients: [...patients], grants: [...grants], rules: [...rules] })}\n`,
        ),
      ),
    close: () => spool.close(),
    async *read(): AsyncGenerator<Tally> {
      for await (const line of splitLines(spool.read())) {
        if (!line.ok) throw new RangeError('a note is too long');
        const { patients, grants, rules, ...rest } = JSON.parse(Buffer.from(line.bytes).toString('utf8')) as Note;
        // JSON has no undefined.
        const { basis } = rest;
        yield { ...rest, basis, patients: new Set(patients), grants: new Set(grants), rules: new Set(rules) };
      }
    },
  };
}

type Note = Omit<Tally, 'patients' | 'grants' | 'rules' | 'basis'> & {
  readonly basis?: string;
  readonly patients: readonly PatientId[];
  readonly grants: readonly string[];
  readonly rules: readonly string[];
};
