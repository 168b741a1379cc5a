import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { BlockRef, GrantId, SubjectKey } from '../domain/consent/grant.ts';
import type { ConsoleChain, ConsoleProof } from '../domain/console/consent.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { patientQuery } from './consent-bodies.ts';
import type { ConsentState } from './consent-desk-parts.ts';
import { send } from './consent-standing.ts';
import type { Opens } from './console-access.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface ConsentOverviewParts {
  readonly registry: Pick<ConsentState, 'view' | 'grant'>;
  readonly keys: { subjectOf(patient: PatientId): SubjectKey | undefined; patients(): Iterable<PatientId> };
  readonly chain: { readonly chainId: number; readonly contract: string };
  /** How the replica stands. */
  readonly replica: () => {
    readonly final: number | undefined;
    readonly problem: string | undefined;
    readonly proofs: number;
  };
  /** What waits to be carried to the chain; undefined where nothing is carried from here. */
  readonly relay:
    | (() => {
        readonly metrics: { readonly pending: number; readonly mined: number; readonly failed: number };
        readonly pending: readonly {
          readonly kind: string;
          readonly grant: GrantId | undefined;
          readonly subject: SubjectKey | undefined;
        }[];
      })
    | undefined;
  /** What the contract's storage holds, by a proof; undefined without one. */
  readonly prove: (
    subject: SubjectKey,
    id: GrantId,
  ) => Promise<{ readonly state: 'active' | 'revoked'; readonly block: BlockRef } | undefined>;
  readonly opens: Opens;
}

const most = 20;

const likeQuery = Type.Object({ like: Type.Optional(Type.String({ description: 'A part of the id.' })) });

/** What officers see of consent beside the patient's grants: whose there are, how the chain stands, what a proof says. */
export function consentOverviewRoutes(app: FastifyInstance, parts: ConsentOverviewParts): void {
  const { registry, keys } = parts;

  app.get<{ Querystring: { like?: string } }>(
    '/api/v1/consents/patients',
    documented('Whose consents there are, for officers.', { query: likeQuery }),
    async (request, reply) => {
      if ((await parts.opens(request, reply, 'consent')) === undefined) return reply;
      const like = (request.query.like ?? '').toLowerCase();
      const patients: string[] = [];
      let more = false;
      for (const patient of keys.patients()) {
        if (!patient.toLowerCase().includes(like)) continue;
        if (patients.length === most) {
          more = true;
          break;
        }
        patients.push(patient);
      }
      return send(reply, 200, { patients: patients.toSorted(), more });
    },
  );

  app.get<{ Querystring: { patient?: string } }>(
    '/api/v1/consents/chain',
    documented('How the chain and the relay stand, for officers.', { query: patientQuery }),
    async (request, reply) => {
      if ((await parts.opens(request, reply, 'consent')) === undefined) return reply;
      const { patient } = request.query;
      const subject = patient === undefined ? undefined : keys.subjectOf(patient as PatientId);
      const head = registry.view()?.head;
      const { final, problem, proofs } = parts.replica();
      const relay = parts.relay?.();
      const chain: ConsoleChain = {
        ...parts.chain,
        ...(head === undefined
          ? {}
          : { head: { block: head.number, blockHash: head.hash, time: new Date(head.time * 1000).toISOString() } }),
        ...(final === undefined ? {} : { final }),
        ...(problem === undefined ? {} : { problem }),
        proofs,
        ...(relay === undefined ? {} : { relay: relay.metrics }),
        pending: (relay?.pending ?? [])
          .filter((one) => subject !== undefined && (one.subject === subject || isOf(one.grant, subject)))
          .map(({ kind, grant }) => (grant === undefined ? { kind } : { kind, grant })),
      };
      return send(reply, 200, chain);
    },
  );

  const isOf = (grant: GrantId | undefined, subject: SubjectKey): boolean =>
    grant !== undefined && registry.grant(grant)?.subject === subject;

  app.get<{ Params: { id: string }; Querystring: { patient?: string } }>(
    '/api/v1/consents/:id/proof',
    documented('The state of a grant, proven from the storage of the contract.', { query: patientQuery }),
    async (request, reply) => {
      if ((await parts.opens(request, reply, 'consent')) === undefined) return reply;
      const subject = keys.subjectOf((request.query.patient ?? '') as PatientId);
      const { id } = request.params;
      if (subject === undefined || !/^0x[0-9a-f]{64}$/.test(id)) return refuse(reply, 'not-found');
      const proven = await parts.prove(subject, id as GrantId);
      const proof: ConsoleProof =
        proven === undefined
          ? { id, state: 'unproven' }
          : { id, state: proven.state, block: proven.block.number, blockHash: proven.block.hash };
      return send(reply, 200, proof);
    },
  );
}
