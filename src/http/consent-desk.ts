import type { GrantDraft } from '../domain/consent/draft.ts';
import type { FhirObject } from '../domain/consent/fhir-values.ts';
import type { EpochSeconds, GrantId, SubjectKey } from '../domain/consent/grant.ts';
import {
  consentDomain,
  type DelegateTerms,
  delegateRights,
  delegateTypedData,
  type GrantTerms,
  grantTypedData,
  narrowTypedData,
  type RebindTerms,
  rebindTypedData,
  revokeTypedData,
  scopeOf,
  type TypedData,
} from '../domain/consent/typed-data.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { type Problem, problem } from '../domain/problem.ts';
import type {
  ConsentDesk,
  ConsentDeskParts,
  ConsentNote,
  DeskCaller,
  Granted,
  GrantToRelay,
  Signature,
  Ticket,
} from './consent-desk-parts.ts';
import { signingKeys } from './consent-keys.ts';
import { changeRecorder, settler } from './consent-record.ts';
import { twoPersons } from './consent-vouch.ts';

const isProblem = (value: object): value is Problem => 'code' in value;

/** Takes what patients say about their consent, sees that they said it, and brings it to the chain. */
export const createConsentDesk = (parts: ConsentDeskParts): ConsentDesk => {
  const { registry, relay, keys, signing, book, clock, random } = parts;
  const domain = consentDomain(parts.chain.chainId, parts.chain.contract);
  const now = (): EpochSeconds => Math.floor(clock.now() / 1000) as EpochSeconds;

  const settle = settler(parts.waitMs);
  const record = changeRecorder(parts);

  const byHand = (caller: DeskCaller, signed: Signature | undefined): string =>
    signed === undefined ? `${caller.user} (key kept by the gateway)` : `${caller.user} (signed by ${signed.signer})`;

  const nonce = (): string => String(Buffer.from(random.bytes(8)).readBigUInt64BE() >> 1n);

  const prepare: ConsentDesk['prepare'] = async (patient, drafts, source) => {
    const subject = await keys.register(patient);
    const deadline = now() + parts.deadlineSeconds;
    return drafts.map((draft) => {
      const id = nonce();
      const salt = keys.saltOf(patient, `terms:${id}`) ?? random.bytes(32);
      const terms: GrantTerms = {
        ...scopeOf(draft),
        subject,
        granteeKind: draft.granteeKind,
        grantee: keys.granteeOf(draft.granteeKind, draft.grantee),
        effect: draft.effect,
        terms: parts.commit(salt, JSON.stringify(source ?? draft)),
        nonce: id,
      };
      return { terms, deadline, typedData: grantTypedData(domain, terms, deadline) };
    });
  };

  const ownKeys = signingKeys(parts);
  /** The key kept for the patient; only at the patient's own login. */
  const keptKey = (caller: DeskCaller, patient: PatientId): Uint8Array | undefined =>
    caller.patient === patient ? ownKeys.kept(patient) : undefined;

  /** Signs with the kept key, or checks what was signed elsewhere. */
  const authorised = async (
    caller: DeskCaller,
    patient: PatientId,
    data: TypedData,
    right: number,
    signed: Signature | undefined,
    askChain: (signature: Signature) => Promise<string | undefined>,
  ): Promise<Signature | Problem> => {
    if (signed === undefined) {
      const key = keptKey(caller, patient);
      return key === undefined ? problem('consent-unsigned') : signing.sign(key, data);
    }
    const subject = keys.subjectOf(patient);
    if (subject === undefined) return problem('consent-signature-invalid');
    const account = signing.recover(data, signed);
    const who = account ?? signing.controllerOf(signed.signer);
    if (!registry.mayAct(subject, who, right, now())) return problem('consent-signature-invalid');
    if (account !== undefined) return signed;
    return (await askChain(signed)) === undefined ? signed : problem('consent-signature-invalid');
  };

  const bind = async (patient: PatientId, controller: string): Promise<Ticket | Problem> => {
    if (relay === undefined) return problem('relay-unavailable');
    return relay.register(await keys.register(patient), controller);
  };

  /** A patient who never chose a wallet signs with the key kept here; it is bound before the first grant. */
  const ensureBound = async (caller: DeskCaller, patient: PatientId): Promise<Problem | undefined> => {
    const subject = await keys.register(patient);
    if (registry.controllerOf(subject) !== undefined) return undefined;
    const key = keptKey(caller, patient);
    if (key === undefined) return problem('consent-unsigned');
    const ticket = await bind(patient, signing.accountOf(key));
    if (isProblem(ticket)) return ticket;
    const settled = await settle(ticket);
    return settled.state === 'refused' ? problem('consent-unsigned') : undefined;
  };

  const nextNonce = async (subject: SubjectKey): Promise<string | Problem> =>
    (await relay?.nonceOf(subject).catch(() => undefined)) ?? problem('relay-unavailable');

  const bring = async (
    caller: DeskCaller,
    patient: PatientId,
    signed: readonly { readonly grant: GrantToRelay; readonly draft: GrantDraft; readonly by: string }[],
    source: FhirObject | undefined,
  ): Promise<readonly Granted[] | Problem> => {
    if (relay === undefined) return problem('relay-unavailable');
    await record(
      caller,
      patient,
      'granted',
      signed.map(({ grant }) => grant.id),
    );
    const tickets: { readonly id: GrantId; readonly ticket: Ticket }[] = [];
    for (const { grant, draft, by } of signed) {
      const note: ConsentNote = { what: 'granted', at: clock.now(), by, grant: grant.id, draft };
      await book.note(patient, source === undefined ? note : { ...note, consent: source });
      tickets.push({ id: grant.id, ticket: await relay.grant(grant) });
    }
    return Promise.all(
      tickets.map(async ({ id, ticket }) => {
        void ticket.settled.then((outcome) => {
          if (outcome.ok) return undefined;
          return book.note(patient, {
            what: 'chain-refused',
            at: clock.now(),
            by: 'the chain',
            grant: id,
            reason: outcome.reason,
          });
        });
        return { id, settled: await settle(ticket) };
      }),
    );
  };

  const drafts = (patient: PatientId): ReadonlyMap<GrantId, GrantDraft> =>
    new Map(
      book
        .of(patient)
        .flatMap(({ what, grant, draft }): readonly (readonly [GrantId, GrantDraft])[] =>
          what === 'granted' && grant !== undefined && draft !== undefined ? [[grant, draft]] : [],
        ),
    );

  return {
    async register(caller, patient, chosen) {
      if (caller.patient !== patient) return problem('consent-unsigned');
      const subject = await keys.register(patient);
      const kept = ownKeys.kept(patient);
      const controller = chosen ?? (kept === undefined ? undefined : signing.accountOf(kept));
      if (controller === undefined) return problem('consent-unsigned');
      const bound = registry.controllerOf(subject);
      if (bound !== undefined && bound !== controller.toLowerCase()) return problem('consent-signature-invalid');
      const ticket = await bind(patient, controller);
      if (isProblem(ticket)) return ticket;
      await record(caller, patient, 'registered', []);
      await book.note(patient, { what: 'registered', at: clock.now(), by: caller.user });
      return { controller, settled: await settle(ticket) };
    },
    prepare,
    async grant(caller, patient, wanted, source) {
      if (relay === undefined) return problem('relay-unavailable');
      const unbound = await ensureBound(caller, patient);
      if (unbound !== undefined) return unbound;
      const key = keptKey(caller, patient);
      if (key === undefined) return problem('consent-unsigned');
      const prepared = await prepare(patient, wanted, source);
      if ('code' in prepared) return prepared;
      const signed = await Promise.all(
        prepared.map(async ({ terms, deadline, typedData }, index) => ({
          grant: { id: signing.grantId(terms), terms, deadline, ...(await signing.sign(key, typedData)) },
          draft: wanted[index] as GrantDraft,
          by: byHand(caller, undefined),
        })),
      );
      return bring(caller, patient, signed, source);
    },
    async submit(caller, patient, signed, wanted) {
      const subject = keys.subjectOf(patient);
      const checked = [];
      for (const [index, grant] of signed.entries()) {
        const draft = wanted[index];
        const named = draft !== undefined && keys.granteeOf(draft.granteeKind, draft.grantee) === grant.terms.grantee;
        if (grant.terms.subject !== subject || !named) return problem('consent-signature-invalid');
        const data = grantTypedData(domain, grant.terms, grant.deadline);
        const whole = { ...grant, id: signing.grantId(grant.terms) };
        const ask = async () => relay?.wouldRefuse(whole) ?? 'no relayer';
        const signature = await authorised(caller, patient, data, delegateRights.grant, grant, ask);
        if (isProblem(signature)) return signature;
        checked.push({
          grant: whole,
          draft: {
            ...scopeOf(grant.terms),
            effect: grant.terms.effect,
            granteeKind: draft.granteeKind,
            grantee: draft.grantee,
          },
          by: byHand(caller, grant),
        });
      }
      return bring(caller, patient, checked, undefined);
    },
    async revoke(caller, patient, id, signed) {
      const subject = keys.subjectOf(patient);
      const grant = registry.grant(id);
      if (subject === undefined || grant === undefined || grant.subject !== subject) return problem('not-found');
      const ask = async (signature: Signature) => relay?.wouldRefuse({ subject, id, ...signature }) ?? 'no relayer';
      const signature = await authorised(
        caller,
        patient,
        revokeTypedData(domain, subject, id),
        delegateRights.withdraw,
        signed,
        ask,
      );
      if (isProblem(signature)) return signature;
      // Access ends here and now; the chain, the ledger and the wording follow.
      registry.revokeOnSight(id, subject);
      parts.announce?.({ subject, id, ...signature });
      await record(caller, patient, 'revoked', [id]);
      await book.note(patient, { what: 'revoked', at: clock.now(), by: byHand(caller, signed), grant: id });
      if (relay === undefined) return problem('relay-unavailable');
      const ticket = await relay.revoke({ subject, id, ...signature });
      void ticket.settled.then((outcome) => {
        if (outcome.ok) return undefined;
        registry.releaseOnSight(id);
        return book.note(patient, {
          what: 'chain-refused',
          at: clock.now(),
          by: 'the chain',
          grant: id,
          reason: outcome.reason,
        });
      });
      return settle(ticket);
    },
    async narrow(caller, patient, id, scope, signed) {
      const subject = keys.subjectOf(patient);
      const grant = registry.grant(id);
      if (subject === undefined || grant === undefined || grant.subject !== subject) return problem('not-found');
      const data = narrowTypedData(domain, subject, id, scope);
      const signature = await authorised(
        caller,
        patient,
        data,
        delegateRights.withdraw,
        signed,
        async (by) => relay?.wouldRefuse({ subject, id, scope, ...by }) ?? 'no relayer',
      );
      if (isProblem(signature)) return signature;
      if (relay === undefined) return problem('relay-unavailable');
      await record(caller, patient, 'narrowed', [id]);
      await book.note(patient, { what: 'narrowed', at: clock.now(), by: byHand(caller, signed), grant: id, scope });
      return settle(await relay.narrow({ subject, id, scope, ...signature }));
    },
    async delegate(caller, patient, terms, signed) {
      const subject = keys.subjectOf(patient);
      if (subject === undefined) return problem('not-found');
      if (relay === undefined) return problem('relay-unavailable');
      const nonce = terms.nonce ?? (await nextNonce(subject));
      if (typeof nonce !== 'string') return nonce;
      const whole: DelegateTerms = { ...terms, subject, nonce };
      const data = delegateTypedData(domain, whole);
      const signature = await authorised(caller, patient, data, delegateRights.delegate, signed, (by) =>
        relay.wouldRefuse({ terms: whole, ...by }),
      );
      if (isProblem(signature)) return signature;
      await record(caller, patient, 'delegated', []);
      await book.note(patient, {
        what: 'delegated',
        at: clock.now(),
        by: byHand(caller, signed),
        delegate: terms.delegate,
      });
      return settle(await relay.delegate({ terms: whole, ...signature }));
    },
    key(patient) {
      return { now: ownKeys.current(patient), nextKept: ownKeys.chosen(patient, { how: 'kept' })?.controller };
    },
    async nonce(patient) {
      const subject = keys.subjectOf(patient);
      return subject === undefined ? problem('not-found') : nextNonce(subject);
    },
    async move(caller, patient, choice, more) {
      if (relay === undefined) return problem('relay-unavailable');
      const subject = await keys.register(patient);
      const key = ownKeys.chosen(patient, choice);
      if (key === undefined) return problem('consent-signature-invalid');
      const { controller } = key;
      const bound = registry.controllerOf(subject);
      if (bound === controller) return { controller, settled: { state: 'on-chain' } };
      const bring = async (ticket: () => Promise<Ticket>) => {
        await record(caller, patient, 'moved', []);
        await book.note(patient, { what: 'moved', at: clock.now(), by: byHand(caller, more.signed), key });
        const settled = await settle(await ticket());
        if (settled.state === 'refused')
          await book.note(patient, { what: 'chain-refused', at: clock.now(), by: 'the chain', reason: settled.reason });
        return { controller, settled };
      };
      if (bound === undefined)
        return caller.patient === patient
          ? bring(() => relay.register(subject, controller))
          : problem('consent-unsigned');
      const nonce = more.nonce ?? (await nextNonce(subject));
      if (typeof nonce !== 'string') return nonce;
      const terms: RebindTerms = {
        subject,
        controller,
        nonce,
        deadline: more.deadline ?? now() + parts.deadlineSeconds,
      };
      const data = rebindTypedData(domain, terms);
      const ask = (by: Signature) => relay.wouldRefuse({ terms, ...by });
      const signature = await authorised(caller, patient, data, delegateRights.rebind, more.signed, ask);
      return isProblem(signature) ? signature : bring(() => relay.rebind({ terms, ...signature }));
    },
    delegates(patient) {
      const subject = keys.subjectOf(patient);
      return subject === undefined ? [] : registry.delegatesOf(subject);
    },
    vouch: twoPersons(parts),
    grants(patient) {
      const subject = keys.subjectOf(patient);
      if (subject === undefined) return [];
      const known = drafts(patient);
      return (registry.view()?.grantsOf(subject) ?? []).map((grant) => {
        const draft = known.get(grant.id);
        return draft === undefined ? { grant } : { grant, draft };
      });
    },
    history: (patient) => book.of(patient),
    nameOf: (patient, id) => drafts(patient).get(id),
  };
};
