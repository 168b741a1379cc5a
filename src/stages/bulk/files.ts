import type { BulkFile } from '../../domain/fhir/bulk-manifest.ts';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Limits } from '../../domain/json/fault.ts';
import { scanLines } from '../../domain/json/lines.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import type { BulkUpstream, Spool, Spools } from '../../ports.ts';
import type { BodyStream } from '../answer.ts';
import { clearPlace } from '../clear.ts';
import type { Planned } from '../exchange.ts';
import type { Judged } from '../judge.ts';
import { count, emptyTally, type Tally } from '../release/bundle.ts';
import { refusalOf } from '../release/refusal.ts';
import { type Disclosed, type Released, told } from '../release.ts';
import { deny, proceed, type StageContext, type Verdict } from '../stage.ts';
import { turn } from '../steps.ts';
import { judgedLines, type LineParts } from './lines.ts';
import { tallyNotes } from './notes.ts';

export interface BulkFiles {
  /** Those of the files in which a line may leave. */
  withSomething(judged: Judged, part: Planned, files: readonly BulkFile[]): Promise<readonly BulkFile[] | ProblemCode>;
  /** One file as it may leave. Nothing of it is sent before all of it was judged. */
  release(judged: Judged, part: Planned, file: BulkFile, context: StageContext): Promise<Verdict<Released>>;
}

export interface BulkFilesParts extends LineParts {
  readonly upstream: BulkUpstream;
  readonly spools: Spools;
  /** On each line. */
  readonly limits: Limits;
  /** Files that are made ready at the same time. */
  readonly atOnce: number;
  /** Ends the looks that no caller waits for. */
  readonly stopped: AbortSignal;
}

/** Resources that one ledger entry names. */
const PER_ENTRY = 500;
/** Patients of one file that the guard on the volume counts; the ledger names all. */
const MOST_PATIENTS = 200_000;
/** Bytes of lines that are judged before others get their turn. */
const TURN = 256 * 1024;

const lineBreak = new Uint8Array([0x0a]);

export function bulkFiles(parts: BulkFilesParts): BulkFiles {
  let running = 0;

  return {
    async withSomething(judged, part, files) {
      const found: BulkFile[] = [];
      for (const file of files) {
        const lines = await linesOf(judged, file, parts.stopped);
        if (typeof lines === 'string') return lines;
        let something = false;
        for await (const line of judgedLines(parts, part, file, lines.each, parts.stopped)) {
          if (line === 'torn') return lines.torn() ?? 'upstream-malformed';
          something = line !== undefined;
          if (something) break;
        }
        const torn = something ? undefined : lines.torn();
        if (torn !== undefined) return torn;
        if (something) found.push(file);
      }
      return found;
    },

    async release(judged, part, file, context) {
      if (running >= parts.atOnce)
        return deny('rate-limited', { rule: 'export-busy', text: 'Other files of exports are being made ready.' });
      running += 1;
      const spools: Spool[] = [];
      try {
        const body = await parts.spools.open();
        const notes = await parts.spools.open();
        spools.push(body, notes);
        const made = await fill(judged, part, file, { body, notes: tallyNotes(notes) }, context);
        if (typeof made !== 'string') spools.length = 0;
        return typeof made === 'string'
          ? deny(made, { rule: made, text: 'The file could not be made ready.' })
          : proceed(made, {
              rule: part.plan.id,
              text: `${made.returned} lines released, ${made.masked} elements masked.`,
            });
      } finally {
        running -= 1;
        for (const spool of spools) await spool.close();
      }
    },
  };

  async function fill(
    judged: Judged,
    part: Planned,
    file: BulkFile,
    into: { readonly body: Spool; readonly notes: ReturnType<typeof tallyNotes> },
    context: StageContext,
  ): Promise<Released | ProblemCode> {
    const lines = await linesOf(judged, file, context.signal);
    if (typeof lines === 'string') return lines;
    const patients = new Set<PatientId>();
    const whole = { returned: 0, withheld: 0, masked: 0 };
    let tally: Tally = emptyTally();
    const note = async (): Promise<void> => {
      for (const patient of tally.patients) if (patients.size < MOST_PATIENTS) patients.add(patient);
      whole.returned += tally.returned;
      whole.withheld += tally.withheld;
      whole.masked += tally.masked;
      await into.notes.add(tally);
      tally = emptyTally();
    };
    for await (const resource of judgedLines(parts, part, file, lines.each, context.signal)) {
      if (resource === 'torn') return lines.torn() ?? 'upstream-malformed';
      if (resource === undefined) {
        tally.withheld += 1;
        continue;
      }
      count(tally, resource);
      await into.body.write(resource.bytes);
      await into.body.write(lineBreak);
      if (tally.resources.length >= PER_ENTRY) await note();
    }
    const torn = lines.torn();
    if (torn !== undefined) return torn;
    // A file of which nothing is left has its entry too.
    if (tally.resources.length > 0 || tally.withheld > 0 || whole.returned === 0) await note();
    const { consent: _consent, ...facts } = told(emptyTally(), judged);
    return {
      ...facts,
      ...whole,
      patients,
      status: 200,
      headers: { 'content-type': 'application/fhir+ndjson', 'content-length': String(into.body.size()) },
      body: streamOf(into.body, into.notes),
      disclosures: disclosuresOf(into.notes.read(), judged),
    };
  }

  async function linesOf(judged: Judged, file: BulkFile, signal: AbortSignal) {
    const cleared = clearPlace(judged, { method: 'GET', url: file.url, accept: 'application/fhir+ndjson' });
    if (cleared === undefined) return 'stage-failed';
    const response = await parts.upstream.file(cleared, signal);
    if (response.kind === 'fault') return response.code;
    if (response.status === 404 || response.status === 410) return 'export-gone';
    if (response.status !== 200) return response.status >= 300 ? refusalOf(response.status) : 'upstream-malformed';
    return { each: scanLines(inTurns(response.chunks), parts.limits), torn: response.torn };
  }
}

/** However fast the file comes, other calls are answered between its pieces. */
async function* inTurns(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let since = 0;
  for await (const chunk of chunks) {
    yield chunk;
    since += chunk.length;
    if (since < TURN) continue;
    since = 0;
    await turn();
  }
}

const streamOf = (body: Spool, notes: Pick<Spool, 'close'>): BodyStream => ({
  [Symbol.asyncIterator]: () => body.read(),
  async close() {
    await body.close();
    await notes.close();
  },
});

async function* disclosuresOf(tallies: AsyncIterable<Tally>, judged: Judged): AsyncGenerator<Disclosed> {
  for await (const tally of tallies) yield told(tally, judged);
}
