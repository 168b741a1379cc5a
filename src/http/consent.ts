import type { Static } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { nameActor } from '../domain/consent/actor.ts';
import type { DataClassifier } from '../domain/consent/classifier.ts';
import { compileConsent } from '../domain/consent/compile.ts';
import { type ConsentDecision, decide, mayTouch } from '../domain/consent/decide.ts';
import { type GrantDraft, grantWords } from '../domain/consent/draft.ts';
import { readConsent } from '../domain/consent/fhir-consent.ts';
import { type FhirObject, isObject } from '../domain/consent/fhir-values.ts';
import {
  type ConsentAction,
  type EpochSeconds,
  type Grant,
  type GrantId,
  grantConditions,
} from '../domain/consent/grant.ts';
import type { ConsentPolicy } from '../domain/consent/policy.ts';
import { consentOfGrant, type GrantState } from '../domain/consent/to-fhir.ts';
import { scopeOf } from '../domain/consent/typed-data.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { PurposeOfUse } from '../domain/identity/principal.ts';
import { scan } from '../domain/json/scan.ts';
import type { Reason } from '../domain/reason.ts';
import type { Clock, SubjectKeys } from '../ports.ts';
import { explainBody, grantBody, narrowBody, patientQuery, revokeBody } from './consent-bodies.ts';
import { delegateRoutes } from './consent-delegates.ts';
import type { ConsentDesk, ConsentState, GrantToRelay } from './consent-desk-parts.ts';
import { keyRoutes } from './consent-key-routes.ts';
import { malformed, refuseWith, type StandingParts, send, standingOf } from './consent-standing.ts';
import { readBody, readDraft, readScope } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface ConsentRoutesParts extends StandingParts {
  readonly desk: ConsentDesk;
  readonly registry: ConsentState;
  readonly keys: SubjectKeys;
  readonly clock: Clock;
  readonly chain: { readonly chainId: number; readonly contract: string };
  readonly passkeyVerifier?: string | undefined;
  /** Bases under which absolute references mean this FHIR server. */
  readonly bases: () => readonly string[];
  readonly policy: () => { readonly consent: ConsentPolicy; readonly classifier: DataClassifier } | undefined;
}

/** `/api/v1/consents`: what a patient has allowed and refused, and how they change it. */
export function consentRoutes(app: FastifyInstance, parts: ConsentRoutesParts): void {
  const { desk, registry } = parts;
  const seconds = (): EpochSeconds => Math.floor(parts.clock.now() / 1000) as EpochSeconds;

  const standing = standingOf(parts);
  delegateRoutes(app, { desk, clock: parts.clock, standing });
  keyRoutes(app, { ...parts, standing });

  const shown = (patient: PatientId, grant: Grant, draft: GrantDraft | undefined) => ({
    id: grant.id,
    state: stateOf(grant, seconds()),
    grantee: {
      kind: grant.granteeKind,
      ...(draft === undefined ? {} : { reference: draft.grantee }),
      key: grant.grantee,
    },
    ...grantWords(grant),
    attestations: grantConditions.flatMap((condition) => {
      const until = registry.view()?.attested(grant.id, condition);
      return until === undefined ? [] : [{ condition, until: new Date(until * 1000).toISOString() }];
    }),
    block: grant.block,
    terms: grant.terms,
    fhir: `/api/v1/consents/${grant.id}/fhir?patient=${patient}`,
  });

  app.get<{ Querystring: { patient?: string } }>(
    '/api/v1/consents',
    documented('What a patient has granted and refused.', { query: patientQuery }),
    async (request, reply) => {
      const stand = await standing(request, reply, request.query.patient, 'look', false);
      if (stand === undefined) return reply;
      const head = registry.view()?.head;
      return send(reply, 200, {
        patient: stand.patient,
        ...(head === undefined ? {} : { asOf: { block: head.number, blockHash: head.hash } }),
        grants: desk.grants(stand.patient).map(({ grant, draft }) => shown(stand.patient, grant, draft)),
      });
    },
  );

  app.get<{ Querystring: { patient?: string } }>(
    '/api/v1/consents/history',
    documented('How the consents of a patient came to be.', { query: patientQuery }),
    async (request, reply) => {
      const stand = await standing(request, reply, request.query.patient, 'look', false);
      if (stand === undefined) return reply;
      const events = desk.history(stand.patient).map(({ at, draft, scope, key, ...note }) => ({
        at: new Date(at).toISOString(),
        ...note,
        ...(draft === undefined
          ? {}
          : { grantee: { kind: draft.granteeKind, reference: draft.grantee }, ...grantWords(draft) }),
        ...(key === undefined ? {} : { key: key.how }),
        ...(scope === undefined ? {} : { scope: grantWords({ ...scope, effect: 'permit' }) }),
      }));
      return send(reply, 200, { patient: stand.patient, events });
    },
  );

  app.get<{ Params: { id: string }; Querystring: { patient?: string } }>(
    '/api/v1/consents/:id/fhir',
    documented('One grant as a FHIR Consent.', { query: patientQuery, answers: 'application/fhir+json' }),
    async (request, reply) => {
      const stand = await standing(request, reply, request.query.patient, 'look', false);
      if (stand === undefined) return reply;
      const consent = fhirOf(stand.patient, request.params.id as GrantId);
      if (consent === undefined) return refuse(reply, 'not-found');
      return send(reply.type('application/fhir+json; charset=utf-8'), 200, consent);
    },
  );

  const fhirOf = (patient: PatientId, id: GrantId): FhirObject | undefined => {
    const found = desk.grants(patient).find(({ grant }) => grant.id === id);
    const head = registry.view()?.head;
    if (found === undefined || head === undefined) return undefined;
    const { grant, draft } = found;
    return consentOfGrant(
      {
        ...scopeOf(grant),
        effect: grant.effect,
        granteeKind: grant.granteeKind,
        granteeKey: grant.grantee,
        ...(draft === undefined ? {} : { grantee: draft.grantee }),
      },
      patient,
      stateOf(grant, seconds()),
      { ...parts.chain, grant: grant.id, terms: grant.terms, head },
    );
  };

  /** The drafts of a body: in words, or from a FHIR Consent of this patient. Answers the refusal itself. */
  const draftsOf = (
    body: Static<typeof grantBody>,
    patient: PatientId,
    reply: FastifyReply,
  ):
    | { readonly drafts: readonly GrantDraft[]; readonly source?: FhirObject; readonly notes: readonly Reason[] }
    | undefined => {
    if ((body.grants === undefined) === (body.consent === undefined)) {
      malformed(reply, 'Give either grants or a consent.');
      return undefined;
    }
    if (body.grants !== undefined) {
      const drafts: GrantDraft[] = [];
      for (const words of body.grants) {
        const draft = readDraft(words);
        if (!draft.ok) {
          malformed(reply, draft.fault);
          return undefined;
        }
        drafts.push(draft.value);
      }
      return { drafts, notes: [] };
    }
    const source = body.consent as FhirObject;
    const reading = readConsent(source);
    if (reading.kind !== 'statement' || !isAbout(source, patient)) {
      const faults =
        reading.kind === 'unreadable' ? reading.faults : ['Consent.status, Consent.scope or Consent.patient'];
      refuseWith(
        reply,
        'consent-unrepresentable',
        faults.map((rule) => ({ rule, text: 'This part of the consent cannot be understood or does not apply.' })),
      );
      return undefined;
    }
    const possible = (type: string): number => parts.policy()?.classifier.possible(type) ?? 0;
    const compiled = compileConsent(reading.statement, { bases: parts.bases(), possible });
    if (!compiled.ok) {
      refuseWith(reply, 'consent-unrepresentable', compiled.reasons);
      return undefined;
    }
    return { drafts: compiled.drafts, source, notes: compiled.notes };
  };

  app.post(
    '/api/v1/consents/prepare',
    documented('What a patient has to sign for grants in words or from a FHIR Consent.', { body: grantBody }),
    async (request, reply) => {
      const body = readBody(grantBody, request.body);
      if (!body.ok) return malformed(reply, body.fault);
      const stand = await standing(request, reply, body.value.patient, 'prepare', false);
      if (stand === undefined) return reply;
      const wanted = draftsOf(body.value, stand.patient, reply);
      if (wanted === undefined) return reply;
      const toSign = await desk.prepare(stand.patient, wanted.drafts, wanted.source);
      if ('code' in toSign) return refuse(reply, toSign.code);
      return send(reply, 200, {
        toSign,
        grants: wanted.drafts.map((draft) => ({
          grantee: { kind: draft.granteeKind, reference: draft.grantee },
          ...grantWords(draft),
        })),
        notes: wanted.notes,
      });
    },
  );

  app.post(
    '/api/v1/consents',
    documented('Grants; 202 while the chain has not taken it in yet.', { body: grantBody, status: 201 }),
    async (request, reply) => {
      const body = readBody(grantBody, request.body);
      if (!body.ok) return malformed(reply, body.fault);
      const { signed } = body.value;
      const stand = await standing(request, reply, body.value.patient, 'grant', signed !== undefined);
      if (stand === undefined) return reply;
      const wanted = draftsOf(body.value, stand.patient, reply);
      if (wanted === undefined) return reply;
      const granted =
        signed === undefined
          ? await desk.grant(stand.caller, stand.patient, wanted.drafts, wanted.source)
          : await desk.submit(stand.caller, stand.patient, signed as unknown as readonly GrantToRelay[], wanted.drafts);
      if ('code' in granted) return refuse(reply, granted.code);
      const status = granted.some(({ settled }) => settled.state === 'refused')
        ? 409
        : granted.every(({ settled }) => settled.state === 'on-chain')
          ? 201
          : 202;
      return send(reply, status, { granted, notes: wanted.notes });
    },
  );

  app.post<{ Params: { id: string } }>(
    '/api/v1/consents/:id/revoke',
    documented('Takes a grant back; it holds at once.', { body: revokeBody }),
    async (request, reply) => {
      const body = readBody(revokeBody, request.body ?? {});
      if (!body.ok) return malformed(reply, body.fault);
      const { signed } = body.value;
      const stand = await standing(request, reply, body.value.patient, 'revoke', signed !== undefined);
      if (stand === undefined) return reply;
      const settled = await desk.revoke(stand.caller, stand.patient, request.params.id as GrantId, signed);
      return 'code' in settled ? refuse(reply, settled.code) : send(reply, 200, { id: request.params.id, settled });
    },
  );

  app.post<{ Params: { id: string } }>(
    '/api/v1/consents/:id/narrow',
    documented('Narrows a grant.', { body: narrowBody }),
    async (request, reply) => {
      const body = readBody(narrowBody, request.body);
      if (!body.ok) return malformed(reply, body.fault);
      const scope = readScope(body.value.scope);
      if (!scope.ok) return malformed(reply, scope.fault);
      const { signed } = body.value;
      const stand = await standing(request, reply, body.value.patient, 'narrow', signed !== undefined);
      if (stand === undefined) return reply;
      const settled = await desk.narrow(stand.caller, stand.patient, request.params.id as GrantId, scope.value, signed);
      return 'code' in settled ? refuse(reply, settled.code) : send(reply, 200, { id: request.params.id, settled });
    },
  );

  app.post(
    '/api/v1/consents/explain',
    documented('What the consents of a patient say to a question.', { body: explainBody }),
    async (request, reply) => {
      const body = readBody(explainBody, request.body);
      if (!body.ok) return malformed(reply, body.fault);
      const stand = await standing(request, reply, body.value.patient, 'look', false);
      if (stand === undefined) return reply;
      const policy = parts.policy();
      if (policy === undefined) return refuse(reply, 'policy-unavailable');
      const {
        person,
        organisation,
        roles = [],
        careTeams = [],
        study,
        app: client,
        purpose,
        action,
        resource,
      } = body.value;
      const actor = nameActor(
        {
          roles,
          careTeams,
          ...(person === undefined ? {} : { person }),
          ...(organisation === undefined ? {} : { organisation }),
          ...(study === undefined ? {} : { study }),
          ...(client === undefined ? {} : { app: client }),
        },
        parts.keys.granteeOf,
      );
      const subject = parts.keys.subjectOf(stand.patient);
      const question = {
        subject,
        self: person === `Patient/${stand.patient}`,
        actor,
        roles,
        purpose: purpose as PurposeOfUse,
        action: action as ConsentAction,
        now: seconds(),
      };
      const view = registry.view();
      if (resource === undefined)
        return send(reply, 200, told(stand.patient, mayTouch(view, question, 0, policy.consent)));
      const scanned = scan(new TextEncoder().encode(JSON.stringify(resource)));
      if (!scanned.ok) return malformed(reply, 'The resource cannot be read.');
      return send(
        reply,
        200,
        told(stand.patient, decide(view, question, policy.classifier.classify(scanned.tape, 0), policy.consent)),
      );
    },
  );

  const told = (patient: PatientId, decision: ConsentDecision) => {
    const grants = decision.effect === 'permit' ? decision.proof.grants : decision.grants;
    return {
      decision: decision.effect,
      reasons: decision.reasons,
      obligations: decision.obligations,
      ...(decision.effect === 'permit' ? { proof: decision.proof } : {}),
      grants: grants.map((id) => ({ id, grantee: desk.nameOf(patient, id)?.grantee })),
    };
  };
}

const stateOf = (grant: Grant, now: EpochSeconds): GrantState =>
  grant.until !== 0 && grant.until <= now ? 'expired' : 'active';

const isAbout = (consent: FhirObject, patient: PatientId): boolean => {
  const subjects = [consent.patient, consent.subject].filter((one) => one !== undefined);
  return subjects.length > 0 && subjects.every((one) => isObject(one) && one.reference === `Patient/${patient}`);
};
