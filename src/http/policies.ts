import type { Static, TSchema } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import type { ReidentificationReport } from '../domain/masking/reidentification.ts';
import { reidentificationPage } from '../domain/masking/reidentification-page.ts';
import { type FileChange, maskingFiles, otherPolicies, withChanges, withoutTests } from '../domain/policy/draft.ts';
import type { ReplayFact } from '../domain/policy/replay.ts';
import type { PolicySnapshot } from '../domain/policy/snapshot.ts';
import type { PolicyFile } from '../domain/policy/source.ts';
import type { NotLoaded, PolicyTask, TaskResult } from '../domain/policy/task.ts';
import { type ProblemCode, problemRow } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';
import type { Clock } from '../ports.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';
import {
  approvalBody,
  coverageBody,
  draftBody,
  previewBody,
  proposalBody,
  reidentificationBody,
  replayBody,
  rollbackBody,
  testBody,
} from './policy-bodies.ts';
import type { Done, Officer, PolicyDesk } from './policy-desk.ts';
import { outcomeOf } from './reasons.ts';

export interface PolicyRoutesParts {
  readonly desk: PolicyDesk;
  /** The set in force. */
  readonly current: () => PolicySnapshot | undefined;
  /** Its files. */
  readonly files: () => readonly PolicyFile[];
  /** What keeps the newest files from being in force. */
  readonly faults: () => readonly string[];
  readonly run: <Task extends PolicyTask>(task: Task) => Promise<TaskResult<Task>>;
  /** Decisions since a time, from the ledger. */
  readonly facts: (since: number) => Promise<PastDecisions>;
  readonly clock: Clock;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
}

export interface PastDecisions {
  readonly facts: readonly ReplayFact[];
  /** False: there were more than are looked at, and the oldest are left out. */
  readonly complete: boolean;
  /** Entries whose keys were destroyed. */
  readonly unreadable: number;
}

/** Who may change policies, and who may look at them too. */
const changers: ReadonlySet<string> = new Set(['privacy-officer']);
const readers: ReadonlySet<string> = new Set(['privacy-officer', 'auditor']);

const bytesOf = (resource: string | object): Uint8Array =>
  new TextEncoder().encode(typeof resource === 'string' ? resource : JSON.stringify(resource));

const send = (reply: FastifyReply, status: number, body: unknown): FastifyReply =>
  reply.code(status).header('cache-control', 'no-store').send(body);

const refuseWith = (reply: FastifyReply, code: ProblemCode, reasons: readonly Reason[]): FastifyReply =>
  send(reply.type('application/fhir+json; charset=utf-8'), problemRow(code).status, outcomeOf(code, reasons));

/** `/api/v1/policies`: the masking policies as they are, what a draft would do, and how it comes in force. */
export function policyRoutes(app: FastifyInstance, parts: PolicyRoutesParts): void {
  const { desk } = parts;
  const root = '/api/v1/policies';

  const today = (): string => new Date(parts.clock.now()).toISOString().slice(0, 10);

  const admitted = async (request: FastifyRequest, reply: FastifyReply, roles: ReadonlySet<string>) => {
    const asker = await parts.asker(request);
    if (asker === undefined) {
      refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      return undefined;
    }
    // The operator of this machine looks, and approves nothing: a change has an officer's name.
    const may = asker === 'operator' ? roles === readers : asker.roles.some((role) => roles.has(role));
    if (!may) refuse(reply, 'scope-insufficient');
    return may ? asker : undefined;
  };

  const body = <Schema extends TSchema>(
    schema: Schema,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Static<Schema> | undefined => {
    const read = readBody(schema, request.body ?? {});
    if (read.ok) return read.value;
    refuseWith(reply, 'body-invalid', [{ rule: 'body', text: read.fault }]);
    return undefined;
  };

  const drafted = (
    changes: readonly FileChange[] | undefined,
  ): NotLoaded | { readonly files: readonly PolicyFile[] } => {
    const result = withChanges(parts.files(), changes ?? []);
    return result.ok ? { files: maskingFiles(result.files) } : { ok: false, faults: result.faults };
  };

  const look = (path: string, summary: string, answer: () => unknown): void => {
    app.get(`${root}${path}`, documented(summary), async (request, reply) => {
      if ((await admitted(request, reply, readers)) === undefined) return reply;
      return send(reply, 200, await answer());
    });
  };

  /** A question about the draft in the body: it changes nothing, and readers may put it. */
  const question = <Schema extends TSchema>(
    path: string,
    summary: string,
    schema: Schema,
    task: (asked: Static<Schema>, files: readonly PolicyFile[]) => PolicyTask,
    told: (result: object, asked: Static<Schema>) => object = (result) => result,
  ): void => {
    app.post(`${root}${path}`, documented(summary, { body: schema }), async (request, reply) => {
      if ((await admitted(request, reply, readers)) === undefined) return reply;
      const asked = body(schema, request, reply);
      if (asked === undefined) return reply;
      const draft = drafted((asked as { readonly changes?: readonly FileChange[] }).changes);
      return send(reply, 200, told('files' in draft ? await parts.run(task(asked, draft.files)) : draft, asked));
    });
  };

  const change = <Schema extends TSchema>(
    path: string,
    summary: string,
    schema: Schema,
    status: number,
    act: (officer: Officer, asked: Static<Schema>, id: string) => Promise<Done<unknown>>,
  ): void => {
    app.post<{ Params: { id?: string } }>(
      `${root}${path}`,
      documented(summary, { body: schema, status }),
      async (request, reply) => {
        const officer = await admitted(request, reply, changers);
        if (officer === undefined || officer === 'operator') return reply;
        const asked = body(schema, request, reply);
        if (asked === undefined) return reply;
        const done = await act(officer, asked, request.params.id ?? '');
        return done.ok ? send(reply, status, done.value) : refuseWith(reply, done.code, done.reasons);
      },
    );
  };

  look('', 'The masking policies in force and what stands around them.', () => overview(parts));
  look('/history', 'The versions that were in force.', () => ({
    versions: desk.history().map(({ files: _files, ...version }) => version),
  }));
  look('/proposals', 'What is proposed and who has approved it.', async () => ({ proposals: await desk.proposals() }));
  look('/files', 'The files of the policies.', () => ({
    hash: parts.current()?.hash,
    files: maskingFiles(parts.files()),
  }));
  app.get<{ Params: { '*': string } }>(
    `${root}/files/*`,
    documented('One file of the policies.'),
    async (request, reply) => {
      if ((await admitted(request, reply, readers)) === undefined) return reply;
      const found = parts.files().find(({ name }) => name === request.params['*']);
      return found === undefined ? refuse(reply, 'not-found') : send(reply, 200, found);
    },
  );
  app.get<{ Params: { number: string } }>(
    `${root}/history/:number`,
    documented('One version of the policies.'),
    async (request, reply) => {
      if ((await admitted(request, reply, readers)) === undefined) return reply;
      const found = desk.history().find(({ number }) => String(number) === request.params.number);
      return found === undefined ? refuse(reply, 'not-found') : send(reply, 200, found);
    },
  );
  app.get<{ Params: { id: string } }>(`${root}/proposals/:id`, documented('One proposal.'), async (request, reply) => {
    if ((await admitted(request, reply, readers)) === undefined) return reply;
    const found = (await desk.proposals()).find(({ id }) => id === request.params.id);
    return found === undefined ? refuse(reply, 'not-found') : send(reply, 200, found);
  });

  question('/check', 'Whether a draft loads.', draftBody, (_asked, files) => ({
    kind: 'check',
    files,
    others: otherPolicies(parts.files()),
  }));
  question('/test', 'The tests of a draft.', draftBody, (_asked, files) => ({ kind: 'test', files }));
  question('/matrix', 'What each role is shown of each class of elements, by a draft.', draftBody, (_asked, files) => ({
    kind: 'matrix',
    files: withoutTests(files),
  }));
  question('/diff', 'What a draft widens and narrows.', draftBody, (_asked, files) => ({
    kind: 'diff',
    before: maskingFiles(parts.files()),
    files,
  }));
  question('/coverage', 'Which elements no rule of a draft names.', coverageBody, ({ role, purpose }, files) => ({
    kind: 'coverage',
    files,
    role,
    ...(purpose === undefined ? {} : { purpose }),
  }));
  question(
    '/preview',
    'What each role would see of a resource, by a draft.',
    previewBody,
    ({ changes: _changes, roles, resource, asOf, ...who }, files) => ({
      kind: 'preview',
      files: withoutTests(files),
      resource: bytesOf(resource),
      requests: (roles ?? parts.current()?.masking.roles ?? []).map((role) => ({
        ...who,
        role,
        asOf: asOf ?? today(),
      })),
    }),
  );

  question(
    '/reidentification',
    'How well patients could be told apart, before masking and as a role gets them, as figures and as a page.',
    reidentificationBody,
    ({ changes: _changes, patients, asOf, ...who }, files) => ({
      kind: 'reidentification',
      files: withoutTests(files),
      request: { ...who, asOf: asOf ?? today() },
      patients,
    }),
    (result, { role }) => {
      const { report } = result as { readonly report?: ReidentificationReport };
      return report === undefined ? result : { ...result, page: reidentificationPage(report, role) };
    },
  );
  question(
    '/test-case',
    'A preview as a test of the policies.',
    testBody,
    ({ changes: _changes, resource, asOf, purpose, ...wanted }, files) => ({
      kind: 'save-test',
      files,
      resource: bytesOf(resource),
      wanted: {
        ...wanted,
        asOf: asOf ?? today(),
        purpose: purpose ?? parts.current()?.masking.usualPurpose(wanted.role) ?? '',
      },
    }),
  );
  app.post(
    `${root}/replay`,
    documented('What a draft would have changed in the decisions of the last days.', { body: replayBody }),
    async (request, reply) => {
      if ((await admitted(request, reply, readers)) === undefined) return reply;
      const asked = body(replayBody, request, reply);
      if (asked === undefined) return reply;
      const draft = drafted(asked.changes);
      if (!('files' in draft)) return send(reply, 200, draft);
      const days = asked.days ?? 7;
      const { facts, ...told } = await parts.facts(parts.clock.now() - days * 86_400_000);
      const before = withoutTests(maskingFiles(parts.files()));
      const result = await parts.run({ kind: 'replay', before, files: withoutTests(draft.files), facts });
      return send(reply, 200, result.ok ? { days, ...told, ...result } : result);
    },
  );

  change('/proposals', 'Proposes a draft.', proposalBody, 201, (officer, { changes, reason, effectiveFrom }) =>
    effectiveFrom !== undefined && Number.isNaN(Date.parse(effectiveFrom))
      ? Promise.resolve<Done<never>>({
          ok: false,
          code: 'body-invalid',
          reasons: [{ rule: 'effectiveFrom', text: 'It is no time.' }],
        })
      : desk.propose(officer, { changes, reason, ...(effectiveFrom === undefined ? {} : { effectiveFrom }) }),
  );
  change(
    '/proposals/:id/approve',
    'Approves a proposal of somebody else.',
    approvalBody,
    200,
    (officer, { reason }, id) => desk.approve(officer, id, reason),
  );
  change('/proposals/:id/withdraw', 'Takes a proposal back.', draftBody, 200, (officer, _asked, id) =>
    desk.withdraw(officer, id),
  );
  change('/rollback', 'Puts an earlier version in force.', rollbackBody, 200, async (officer, { reason, to }) => {
    const done = await desk.rollBack(officer, reason, to);
    if (!done.ok) return done;
    const { files: _files, ...version } = done.value;
    return { ok: true, value: version };
  });
}

function overview({ current, files, faults }: PolicyRoutesParts): object {
  const snapshot = current();
  const set = snapshot?.masking;
  return {
    hash: snapshot?.hash,
    maskingHash: set?.hash,
    faults: faults(),
    roles: set?.roles ?? [],
    policies: set?.documents.map(({ policy, title, file, roles, purposes, overlay, extends: above, rules }) => ({
      policy,
      title,
      file,
      roles,
      purposes,
      overlay,
      extends: above.map(({ name }) => name),
      rules: rules.map(({ id, line, method, because }) => ({
        id,
        line,
        method,
        ...(because === undefined ? {} : { because }),
      })),
    })),
    classes: [...(set?.classes.values() ?? [])].map(({ name, title, file, safeHarbor }) => ({
      name,
      title,
      file,
      safeHarbor,
    })),
    warnings: set?.warnings ?? [],
    files: maskingFiles(files()).map(({ name }) => name),
  };
}
