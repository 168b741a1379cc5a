import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EpochSeconds } from '../domain/consent/grant.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Clock, OpenLines, Random } from '../ports.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

/** What is kept about emergency access, sealed under the patient's key. */
export type BreakGlassNote =
  | {
      readonly what: 'opened';
      readonly id: string;
      readonly user: string;
      readonly issuer: string;
      readonly reason: string;
      /** When the time box began; seconds. */
      readonly openedAt: EpochSeconds;
      readonly until: EpochSeconds;
      readonly reviewBy: EpochSeconds;
      readonly requestId: string;
    }
  | {
      readonly what: 'reviewed';
      readonly id: string;
      readonly by: string;
      readonly verdict: 'justified' | 'not-justified';
      readonly remark?: string;
      readonly at: EpochSeconds;
    };

export interface ReviewTask {
  readonly id: string;
  readonly patient: PatientId;
  readonly user: string;
  readonly reason: string;
  readonly openedAt: string;
  readonly reviewBy: string;
  readonly requestId: string;
  readonly state: 'open' | 'overdue' | 'justified' | 'not-justified';
  readonly reviewedBy?: string;
}

export interface BreakGlassUse {
  readonly patient: PatientId;
  readonly principal: Principal;
  readonly openedAt: EpochSeconds;
  readonly until: EpochSeconds;
  readonly reviewBy: EpochSeconds;
  readonly requestId: string;
}

export interface BreakGlassDesk {
  /** When this user first stated this reason; the time box runs from there. No I/O. */
  openedAt(principal: Principal, now: EpochSeconds): EpochSeconds;
  /** Before the data of an emergency leaves: makes the review task and sends the notice, once per patient and time box. */
  used(use: BreakGlassUse): Promise<void>;
  tasks(now: EpochSeconds): readonly ReviewTask[];
  /** False: there is no such open task. */
  review(id: string, by: string, verdict: 'justified' | 'not-justified', remark?: string): Promise<boolean>;
}

export interface BreakGlassParts {
  readonly book: {
    note(patient: PatientId, note: BreakGlassNote): Promise<void>;
    all(): Iterable<readonly [PatientId, readonly BreakGlassNote[]]>;
  };
  /** Which time boxes are open and which tasks are made, for every gateway of the house. */
  readonly lines: OpenLines;
  /** A keyed name: the lines hold no other, and outlive an erasure. */
  readonly tag: (text: string) => string;
  readonly clock: Clock;
  readonly random: Random;
  /** Immediate notice to whoever is on duty for privacy. MUST NOT throw. */
  notice(task: ReviewTask): void;
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** How long a stated reason is remembered: the same words on another day open a new box. */
const MEMORY_SECONDS = 24 * 3600;

interface Line {
  readonly box: string;
  readonly use: string;
  readonly openedAt: EpochSeconds;
}

export const openBreakGlassDesk = async (
  parts: BreakGlassParts,
): Promise<BreakGlassDesk & { close(): Promise<void> }> => {
  const boxes = new Map<string, EpochSeconds>();
  const made = new Map<string, Promise<void>>();
  const boxOf = (issuer: string, user: string, reason: string): string =>
    parts.tag(JSON.stringify([issuer, user, reason.trim()]));
  const useOf = (user: string, issuer: string, patient: string, openedAt: number): string =>
    parts.tag(JSON.stringify([issuer, user, patient, openedAt]));
  const known = new Set<string>();
  const lines = await parts.lines('emergencies.ndjson', (line) => {
    const { box, use, openedAt } = JSON.parse(line) as Line;
    known.add(use);
    const before = boxes.get(box);
    // Of two gateways that opened one at a time, the earlier holds; another day's is a new one.
    if (before === undefined || openedAt < before || openedAt - before >= MEMORY_SECONDS) boxes.set(box, openedAt);
  });

  const tasks = (now: EpochSeconds): readonly ReviewTask[] => {
    const found: ReviewTask[] = [];
    for (const [patient, notes] of parts.book.all()) {
      const reviews = new Map(notes.flatMap((note) => (note.what === 'reviewed' ? [[note.id, note] as const] : [])));
      for (const note of notes) {
        if (note.what !== 'opened') continue;
        const review = reviews.get(note.id);
        found.push({
          id: note.id,
          patient,
          user: note.user,
          reason: note.reason,
          openedAt: iso(note.openedAt),
          reviewBy: iso(note.reviewBy),
          requestId: note.requestId,
          state: review?.verdict ?? (now > note.reviewBy ? 'overdue' : 'open'),
          ...(review === undefined ? {} : { reviewedBy: review.by }),
        });
      }
    }
    return found.toSorted((left, right) => (left.openedAt < right.openedAt ? -1 : 1));
  };

  const open = async (use: BreakGlassUse): Promise<void> => {
    const { patient, principal, openedAt, until, reviewBy, requestId } = use;
    const id = Buffer.from(parts.random.bytes(12)).toString('base64url');
    const reason = principal.reason ?? '';
    const { user, issuer } = principal;
    const key = useOf(user, issuer, patient, openedAt);
    // Looks at what the other gateways wrote.
    await lines.write(() => undefined);
    if (known.has(key)) return;
    await parts.book.note(patient, { what: 'opened', id, user, issuer, reason, openedAt, until, reviewBy, requestId });
    const line: Line = { box: boxOf(issuer, user, reason), use: key, openedAt };
    await lines.write(() => JSON.stringify(line));
    parts.notice({
      id,
      patient,
      user,
      reason,
      openedAt: iso(openedAt),
      reviewBy: iso(reviewBy),
      requestId,
      state: 'open',
    });
  };

  return {
    openedAt(principal, now) {
      const box = boxOf(principal.issuer, principal.user, principal.reason ?? '');
      const before = boxes.get(box);
      if (before !== undefined && now - before < MEMORY_SECONDS) return before;
      boxes.set(box, now);
      return now;
    },
    used(use) {
      const key = useOf(use.principal.user, use.principal.issuer, use.patient, use.openedAt);
      const before = made.get(key);
      if (before !== undefined) return before;
      const making = open(use);
      made.set(key, making);
      making.catch(() => made.delete(key));
      return making;
    },
    tasks,
    async review(id, by, verdict, remark) {
      const now = Math.floor(parts.clock.now() / 1000) as EpochSeconds;
      const task = tasks(now).find((one) => one.id === id);
      if (task === undefined || (task.state !== 'open' && task.state !== 'overdue')) return false;
      const said = remark === undefined ? {} : { remark };
      await parts.book.note(task.patient, { what: 'reviewed', id, by, verdict, at: now, ...said });
      return true;
    },
    close: () => lines.close(),
  };
};

export interface BreakGlassRoutesParts {
  readonly desk: BreakGlassDesk;
  readonly clock: Clock;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
  readonly overseers: Pick<ReadonlySet<string>, 'has'>;
}

const reviewBody = Type.Object(
  {
    verdict: Type.Union([Type.Literal('justified'), Type.Literal('not-justified')]),
    remark: Type.Optional(Type.String({ maxLength: 2000 })),
  },
  { additionalProperties: false },
);

/** `/api/v1/break-glass`: the review tasks of emergency access. Nobody reviews their own. */
export function breakGlassRoutes(app: FastifyInstance, parts: BreakGlassRoutesParts): void {
  const now = (): EpochSeconds => Math.floor(parts.clock.now() / 1000) as EpochSeconds;
  const isOverseer = (asker: 'operator' | Principal): boolean =>
    asker === 'operator' || asker.roles.some((role) => parts.overseers.has(role));
  const ownPatient = (asker: 'operator' | Principal): string | undefined =>
    asker !== 'operator' && asker.fhirUser?.startsWith('Patient/') === true ? asker.fhirUser.slice(8) : undefined;

  app.get(
    '/api/v1/break-glass',
    documented('Emergency accesses and their reviews: all for overseers, their own for patients.'),
    async (request, reply) => {
      const asker = await parts.asker(request);
      if (asker === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      const own = ownPatient(asker);
      if (own === undefined && !isOverseer(asker)) return refuse(reply, 'scope-insufficient');
      const tasks = parts.desk.tasks(now());
      return reply
        .header('cache-control', 'no-store')
        .send({ tasks: own === undefined ? tasks : tasks.filter(({ patient }) => patient === own) });
    },
  );

  app.post<{ Params: { id: string } }>(
    '/api/v1/break-glass/:id/review',
    documented('Reviews an emergency access.', { body: reviewBody }),
    async (request, reply) => {
      const asker = await parts.asker(request);
      if (asker === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      if (!isOverseer(asker)) return refuse(reply, 'scope-insufficient');
      const body = readBody(reviewBody, request.body);
      if (!body.ok) return refuse(reply, 'body-invalid');
      const by = asker === 'operator' ? 'operator' : asker.user;
      const task = parts.desk.tasks(now()).find(({ id }) => id === request.params.id);
      if (task !== undefined && task.user === by) return refuse(reply, 'scope-insufficient');
      const done = await parts.desk.review(request.params.id, by, body.value.verdict, body.value.remark);
      return done
        ? reply.header('cache-control', 'no-store').send({ id: request.params.id, state: body.value.verdict })
        : refuse(reply, 'not-found');
    },
  );
}
