import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { ownPatient, standsFor } from '../domain/identity/own-patient.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Clock, LedgerStore, Random } from '../ports.ts';
import type { ConsoleAccessParts } from './console-access.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

interface AccountingQuery {
  readonly limit: number;
  readonly before?: number;
  readonly from?: number;
  readonly until?: number;
}

/** Proofs in one file: a few kilobytes each. */
const MOST_PROOFS = 200;

export interface DisclosureProofParts extends Pick<ConsoleAccessParts, 'asker'> {
  /** `undefined`: no such entry, or none about an access to this patient's record. */
  readonly proof: (index: number, patient: PatientId) => Promise<string | undefined>;
  /** Newest first, at most `limit`; `next` is the `before` of those that follow. */
  readonly proofs: (
    patient: PatientId,
    query: AccountingQuery,
  ) => Promise<{ readonly bundle: object; readonly next: number | undefined }>;
  readonly ledger: Pick<LedgerStore, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
}

const text = Type.Optional(Type.String({ maxLength: 40 }));
const accounting = Type.Object({ start: text, end: text, before: text, _count: text }, { additionalProperties: false });

/** `undefined`: something in it is not understood. */
function readQuery(query: unknown): AccountingQuery | undefined {
  if (!Value.Check(accounting, query)) return undefined;
  const { start, end, before, _count } = query;
  const number = (value: string | undefined): number | undefined =>
    value === undefined ? undefined : /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  const read = {
    limit: number(_count) ?? MOST_PROOFS,
    ...(before === undefined ? {} : { before: number(before) ?? 0 }),
    ...(start === undefined ? {} : { from: Date.parse(start) }),
    ...(end === undefined ? {} : { until: Date.parse(end) }),
  };
  if (Object.values(read).some((value) => !Number.isFinite(value)) || read.limit < 1) return undefined;
  return { ...read, limit: Math.min(read.limit, MOST_PROOFS) };
}

/** For the patient and who stands for them: files that prove accesses to the record without asking anybody. */
export function disclosureProofRoutes(app: FastifyInstance, parts: DisclosureProofParts): void {
  const own = async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<{ readonly asker: Principal; readonly patient: PatientId } | undefined> => {
    const asker = await parts.asker(request);
    if (asker === undefined) {
      refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      return undefined;
    }
    const patient = asker === 'operator' ? undefined : recordOf(asker);
    if (asker !== 'operator' && patient !== undefined) return { asker, patient };
    refuse(reply, 'scope-insufficient');
    return undefined;
  };
  const record = (asker: Principal, patient: PatientId, entry: string | undefined, returned: number) =>
    parts.ledger.append({
      kind: 'read',
      at: parts.clock.now(),
      requestId: Buffer.from(parts.random.bytes(12)).toString('hex'),
      decision: 'permit',
      actor: {
        user: asker.user,
        issuer: asker.issuer,
        client: asker.client,
        roles: asker.roles,
        ...(asker.fhirUser === undefined ? {} : { fhirUser: asker.fhirUser }),
      },
      purpose: asker.purpose,
      interaction: { kind: 'read', type: 'AuditEvent', ...(entry === undefined ? {} : { id: entry }) },
      patients: [patient],
      resources: entry === undefined ? [] : [`AuditEvent/${entry}`],
      outcome: { status: 200, returned, withheld: 0, masked: 0 },
      story: [{ stage: 'authorise', rule: 'disclosure:own', text: 'Patients see who looked at their record.' }],
      height: 0,
    });

  app.get<{ Params: { entry: string } }>(
    '/api/v1/disclosures/:entry/proof',
    documented('A file that proves one access to your record without asking anybody.'),
    async (request, reply) => {
      const whose = await own(request, reply);
      if (whose === undefined) return;
      const { entry } = request.params;
      const proof = /^(?:0|[1-9]\d{0,14})$/.test(entry) ? await parts.proof(Number(entry), whose.patient) : undefined;
      if (proof === undefined) return refuse(reply, 'not-found');
      await record(whose.asker, whose.patient, entry, 1);
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="access-${entry}.tlog-proof"`)
        .type('text/plain; charset=utf-8')
        .send(proof);
    },
  );

  app.get(
    '/api/v1/disclosures/proofs',
    documented('The accounting of your record with a proof of each access, as one file.', {
      query: accounting,
      answers: 'application/fhir+json',
    }),
    async (request, reply) => {
      const whose = await own(request, reply);
      if (whose === undefined) return;
      const query = readQuery(request.query);
      if (query === undefined) return refuse(reply, 'query-ambiguous');
      const { bundle, next } = await parts.proofs(whose.patient, query);
      await record(whose.asker, whose.patient, undefined, 1);
      if (next !== undefined) {
        const again = new URLSearchParams(request.url.split('?')[1] ?? '');
        again.set('before', String(next));
        void reply.header('link', `</api/v1/disclosures/proofs?${again.toString()}>; rel="next"`);
      }
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', 'attachment; filename="accesses.json"')
        .type('application/fhir+json; charset=utf-8')
        .send(JSON.stringify(bundle));
    },
  );
}

function recordOf(asker: Principal): PatientId | undefined {
  const { launchPatient } = asker;
  return (
    ownPatient(asker) ?? (launchPatient !== undefined && standsFor(asker, launchPatient) ? launchPatient : undefined)
  );
}
