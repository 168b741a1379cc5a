import { type BulkFile, readManifest, writeManifest } from '../domain/fhir/bulk-manifest.ts';
import { isExport } from '../domain/fhir/operations.ts';
import { type Bases, underUpstream } from '../domain/fhir/references.ts';
import { toUpstream } from '../domain/fhir/request.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import type { ProblemCode } from '../domain/problem.ts';
import type { BulkUpstream, Forward, GivenUpJobs } from '../ports.ts';
import { closeBody } from './answer.ts';
import { callerDigest } from './authenticate.ts';
import type { BulkFiles } from './bulk/files.ts';
import type { Job, JobBook, JobPlace } from './bulk/jobs.ts';
import { clear, clearPlace } from './clear.ts';
import type { Authenticated, Planned } from './exchange.ts';
import type { Judged } from './judge.ts';
import { emptyTally } from './release/bundle.ts';
import { refusalOf } from './release/refusal.ts';
import { type Released, told } from './release.ts';
import { deny, proceed, type StageContext, type Verdict } from './stage.ts';
import type { VolumeGuard } from './volume.ts';

/**
 * Bulk Data Access 2.0 after the judge: kick-off, status, files, delete. Every link is sealed for its owner, every use of one
 * is judged as the kick-off would be now, and every line of a file passes the release of all other answers.
 */
export interface Bulk {
  serves(exchange: Authenticated): boolean;
  carry(judged: Judged, forward: Forward, context: StageContext): Promise<Verdict<Released>>;
}

export interface BulkParts {
  readonly jobs: JobBook;
  readonly givenUp: GivenUpJobs;
  readonly upstream: BulkUpstream;
  readonly files: BulkFiles;
  readonly guard: VolumeGuard;
  readonly bases: Bases;
  /** Origins beside the upstream's own where it may keep files. */
  readonly fileOrigins: readonly string[];
  readonly limits: Limits;
  /** How long one status call waits for the files to be looked through. */
  readonly waitMs: number;
}

/** For so long a job that finds nothing says that it is in progress, as one that finds something would. */
const NOTHING_SECONDS = 2;

/** Looks into files that go on while no status call waits for them. */
const MOST_LOOKS = 64;

export function bulk(parts: BulkParts): Bulk {
  const { jobs, bases, upstream, files } = parts;
  const origins = new Set([new URL(bases.upstreamBase).origin, ...parts.fileOrigins]);
  const looks = new Map<string, Promise<readonly BulkFile[] | ProblemCode>>();

  return {
    serves: ({ interaction }) => interaction.kind === 'operation' && isExport(interaction.name),
    async carry(judged, forward, context) {
      const begun = performance.now();
      const verdict = await carried(judged, forward, context).catch((error: unknown): Verdict<Released> => {
        const name = error instanceof Error ? error.name : typeof error;
        context.telemetry.failed('bulk', name);
        return deny('stage-failed', { rule: 'bulk-failed', text: `The export failed (${name}) and is refused.` });
      });
      for (const reason of verdict.reasons) context.story.push({ stage: 'release', ...reason });
      context.telemetry.stage(
        'release',
        verdict.kind === 'deny' ? verdict.problem.code : 'continue',
        performance.now() - begun,
      );
      return verdict;
    },
  };

  async function carried(judged: Judged, forward: Forward, context: StageContext): Promise<Verdict<Released>> {
    const [part] = judged.parts;
    if (part?.kind !== 'permitted') return deny('stage-failed');
    const following = part.value.job;
    if (following === undefined) return kickOff(judged, part.value, forward, context);
    const { action, job } = following;
    if (action === 'cancel') return cancel(judged, job, context);
    if (parts.givenUp.has(job.id)) return over;
    switch (job.place.kind) {
      case 'status':
        return status(judged, part.value, job, job.place.url, context);
      case 'file':
        return file(judged, part.value, job.place, context);
      case 'nothing':
        return context.now / 1000 < job.begun + NOTHING_SECONDS
          ? inProgress(judged, {})
          : manifest(judged, job, new Date(job.begun * 1000).toISOString(), []);
      default:
        return job.place satisfies never;
    }
  }

  async function kickOff(
    judged: Judged,
    part: Planned,
    forward: Forward,
    context: StageContext,
  ): Promise<Verdict<Released>> {
    const cleared = clear(judged, 1);
    if (cleared === undefined) return deny('stage-failed');
    const response = await forward(cleared, context.signal);
    if (response.kind === 'fault') return failed(response.code);
    let place: JobPlace = { kind: 'nothing' };
    // Whether a group exists is told to nobody: one that is missing exports nothing, as one whose members refuse does.
    const missing = (response.status === 404 || response.status === 410) && part.interaction.kind === 'operation';
    if (!missing || part.interaction.kind !== 'operation' || part.interaction.type !== 'Group') {
      if (response.status >= 300) return failed(refusalOf(response.status));
      const url = placeUrl(response.headers['content-location']);
      if (response.status !== 202 || url === undefined) return failed('upstream-malformed');
      place = { kind: 'status', url };
    }
    const job = jobs.begin(toUpstream(part.interaction).path, callerDigest(part.principal), place, context.now);
    return plain(judged, 202, { 'content-location': linkTo(job) }, 'The export has begun.');
  }

  async function file(
    judged: Judged,
    part: Planned,
    place: BulkFile,
    context: StageContext,
  ): Promise<Verdict<Released>> {
    const made = await files.release(judged, part, place, context);
    if (made.kind === 'deny') return made;
    const guarded = parts.guard(judged, made.value, context);
    if (guarded.kind === 'deny') await closeBody(made.value.body);
    return guarded.kind === 'deny' ? guarded : made;
  }

  async function status(
    judged: Judged,
    part: Planned,
    job: Job,
    url: string,
    context: StageContext,
  ): Promise<Verdict<Released>> {
    const cleared = clearPlace(judged, { method: 'GET', url, accept: 'application/json' });
    if (cleared === undefined) return deny('stage-failed');
    const response = await upstream.ask(cleared, context.signal);
    if (response.kind === 'fault') return failed(response.code);
    if (response.status === 202) return inProgress(judged, response.headers);
    if (response.status === 404 || response.status === 410) return over;
    if (response.status !== 200)
      return failed(response.status >= 300 ? refusalOf(response.status) : 'upstream-malformed');
    const scanned = scan(response.body, parts.limits);
    const read = scanned.ok ? readManifest(scanned.tape) : undefined;
    if (read === undefined) return failed('upstream-malformed');
    const placed: BulkFile[] = [];
    for (const file of read.files) {
      const at = placeUrl(file.url);
      // Left out, the export would be short and nobody would know.
      if (at === undefined) return failed('upstream-malformed');
      if (asked(part, file)) placed.push({ type: file.type, url: at });
    }
    const open = await looked(judged, part, job, placed);
    if (open === undefined) return inProgress(judged, {});
    return typeof open === 'string' ? failed(open) : manifest(judged, job, read.transactionTime, open);
  }

  /** The files with a line that may leave: one whose every line is withheld would tell that there are such records. */
  async function looked(
    judged: Judged,
    part: Planned,
    job: Job,
    placed: readonly BulkFile[],
  ): Promise<readonly BulkFile[] | ProblemCode | undefined> {
    let look = looks.get(job.id);
    if (look === undefined) {
      if (looks.size >= MOST_LOOKS) return 'rate-limited';
      // It goes on when this caller stops waiting, and is there for the next status call.
      look = files.withSomething(judged, part, placed);
      looks.set(job.id, look);
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), parts.waitMs);
    });
    try {
      const found = await Promise.race([look, late]);
      if (found !== undefined) looks.delete(job.id);
      return found;
    } catch (error) {
      looks.delete(job.id);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async function cancel(judged: Judged, job: Job, context: StageContext): Promise<Verdict<Released>> {
    if (job.place.kind === 'file') return deny('interaction-unsupported');
    // The gateway's own links die first, whatever becomes of the upstream's job.
    await parts.givenUp.add(job.id, job.until);
    looks.delete(job.id);
    if (job.place.kind === 'status') {
      const cleared = clearPlace(judged, { method: 'DELETE', url: job.place.url, accept: 'application/json' });
      if (cleared === undefined) return deny('stage-failed');
      const response = await upstream.ask(cleared, context.signal);
      if (response.kind === 'fault') return failed(response.code);
      if (response.status >= 300 && response.status !== 404 && response.status !== 410)
        return failed(refusalOf(response.status));
    }
    return plain(judged, 202, {}, 'The export was given up.');
  }

  function manifest(judged: Judged, job: Job, time: string, open: readonly BulkFile[]): Verdict<Released> {
    const body = writeManifest({ transactionTime: time, files: open }, bases.gatewayBase + job.target, (file) =>
      linkTo({ ...job, place: { kind: 'file', url: file.url, type: file.type } }),
    );
    const headers = { 'content-type': 'application/json', expires: new Date(job.until * 1000).toUTCString() };
    return plain(judged, 200, headers, 'The export is complete.', body);
  }

  /** An absolute address that may be asked: below the upstream, by any of its names, or where it may keep files. */
  function placeUrl(text: string | undefined): string | undefined {
    const base = `${bases.upstreamBase}/`;
    if (text === undefined || text.length > 4096 || !URL.canParse(text, base)) return undefined;
    const url = new URL(text, base);
    if (url.hash !== '' || url.username !== '' || url.password !== '') return undefined;
    const below = underUpstream(url.href, bases);
    if (below !== undefined) return bases.upstreamBase + below;
    return origins.has(url.origin) ? url.href : undefined;
  }

  function linkTo(job: Job): string {
    return `${bases.gatewayBase}/$export?_page=${jobs.seal(job)}`;
  }
}

/** Files that were not asked for, or of types without a rule for this role, are not looked at. */
function asked({ interaction, plan }: Planned, { type }: BulkFile): boolean {
  if (interaction.kind !== 'operation' || !plan.covers(type)) return false;
  const types = interaction.query.criteria.find(({ name }) => name === '_type')?.values;
  return types === undefined || types.includes(type);
}

const over = deny('export-gone', { rule: 'export-gone', text: 'The export is over or was given up.' });

const failed = (code: ProblemCode): Verdict<never> =>
  deny(code, { rule: code, text: 'The FHIR server did not do this step of the export.' });

/** The upstream's own words on its progress can count records that are withheld; a share of the whole cannot. */
function inProgress(judged: Judged, headers: Readonly<Record<string, string>>): Verdict<Released> {
  const progress = /^\d{1,3} ?%$/.exec(headers['x-progress'] ?? '')?.[0] ?? 'in progress';
  const after = /^\d{1,5}$/.exec(headers['retry-after'] ?? '')?.[0] ?? '2';
  return plain(judged, 202, { 'x-progress': progress, 'retry-after': after }, 'The export is in progress.');
}

const plain = (
  judged: Judged,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
  body?: string,
): Verdict<Released> =>
  proceed(
    { ...told(emptyTally(), judged), status, headers, ...(body === undefined ? {} : { body }) },
    { rule: 'export', text },
  );
