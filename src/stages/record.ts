import type { ConsentProof, EpochSeconds } from '../domain/consent/grant.ts';
import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import { normalQuery } from '../domain/fhir/request.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { EntryKind, LedgerEntry, LedgerReceipt } from '../domain/ledger/entry.ts';
import type { Problem } from '../domain/problem.ts';
import type { LedgerStore } from '../ports.ts';
import type { Authenticated, Planned, Received } from './exchange.ts';
import type { Judged } from './judge.ts';
import type { Disclosed, Released } from './release.ts';
import { proceed, runStage, type StageContext, type Verdict } from './stage.ts';

export interface Recorded {
  readonly header: string;
}

/** A call that somebody asked about, as it was judged. */
export interface Consideration {
  readonly exchange: Received | Authenticated;
  /** Who asked. */
  readonly asker: Principal | 'operator';
  readonly refusal: Problem | undefined;
  readonly judged: Judged | undefined;
}

/** Writes the ledger. Each resolves only when its entry is durable; a ledger that fails is a refusal, never a warning. */
export interface Recorder {
  /** Before a write is forwarded. */
  intent(judged: Judged, context: StageContext): Promise<Verdict<Recorded>>;
  /** Before the first byte of the answer leaves. */
  disclosure(judged: Judged, released: Released, context: StageContext): Promise<Verdict<Recorded>>;
  /** Before a refusal is answered. */
  denial(
    exchange: Received | Authenticated,
    refusal: Problem,
    context: StageContext,
    judged: Judged | undefined,
  ): Promise<Verdict<Recorded>>;
  /** Before somebody is told what would become of a call. */
  consideration(
    considered: Consideration,
    context: StageContext,
  ): Promise<Verdict<{ readonly entry: LedgerEntry; readonly receipt: LedgerReceipt }>>;
}

/** Where emergency access is told to those who review it. */
export interface EmergencyDesk {
  used(use: {
    readonly patient: PatientId;
    readonly principal: Principal;
    readonly openedAt: EpochSeconds;
    readonly until: EpochSeconds;
    readonly reviewBy: EpochSeconds;
    readonly requestId: string;
  }): Promise<void>;
}

export function recorder(ledger: LedgerStore, emergency: EmergencyDesk, budgetMs: number): Recorder {
  const stage = {
    name: 'record' as const,
    failure: 'ledger-unavailable' as const,
    budgetMs,
    run: async (entry: LedgerEntry & { readonly emergencies?: readonly Emergency[] }) => {
      const { emergencies, ...told } = entry;
      // The review task is made before the data of an emergency leaves.
      for (const use of emergencies ?? []) await emergency.used(use);
      const receipt = await ledger.append(told);
      return proceed({ ...entry, header: receiptHeader(receipt), receipt });
    },
  };
  const write = async (
    entry: LedgerEntry & { readonly emergencies?: readonly Emergency[] },
    context: StageContext,
  ): Promise<Verdict<Recorded & { readonly receipt: LedgerReceipt }>> => runStage(stage, entry, context);

  return {
    intent: (judged, context) =>
      write(
        { ...facts(judged.exchange, context, judged), kind: 'write-intent', decision: 'permit', outcome: nothing(0) },
        context,
      ),
    disclosure: async (judged, released, context) => {
      const { status } = released;
      if (released.disclosures === undefined) return write(disclosureOf(judged, status, released, context), context);
      let last: Verdict<Recorded> | undefined;
      for await (const each of released.disclosures) {
        last = await write(disclosureOf(judged, status, each, context), context);
        if (last.kind === 'deny') return last;
      }
      return last ?? write(disclosureOf(judged, status, released, context), context);
    },
    denial: (exchange, refusal, context, judged) =>
      write(
        {
          ...facts(exchange, context, judged),
          kind: 'denied',
          decision: 'deny',
          code: refusal.code,
          stage: context.story.at(-1)?.stage ?? 'classify',
          outcome: nothing(0),
        },
        context,
      ),
    consideration: async ({ exchange, asker, refusal, judged }, context) => {
      const told = facts(exchange, context, judged);
      const planned = firstPermitted(judged);
      const [proof] = planned?.proofs.values() ?? [];
      const entry: LedgerEntry = {
        ...told,
        kind: 'decision',
        actor: asker === 'operator' ? operator : actorOf(asker),
        ...(told.actor === undefined ? {} : { onBehalfOf: told.actor }),
        ...(refusal === undefined
          ? { decision: 'permit', policy: { hash: policyHash(judged as Judged), rules: [] } }
          : { decision: 'deny', code: refusal.code, stage: context.story.at(-1)?.stage ?? 'classify' }),
        ...(proof === undefined ? {} : { consent: consentOf(proof) }),
        outcome: nothing(0),
      };
      const written = await write(entry, context);
      return written.kind === 'deny' ? written : proceed({ entry, receipt: written.value.receipt });
    },
  };
}

function disclosureOf(judged: Judged, status: number, disclosed: Disclosed, context: StageContext) {
  const { patients, resources, rules, returned, withheld, masked, consent } = disclosed;
  return {
    ...facts(judged.exchange, context, judged),
    kind: kindOf(judged),
    ...emergenciesOf(judged, disclosed, context),
    decision: 'permit' as const,
    patients: [...patients],
    resources,
    ...(consent === undefined ? {} : { consent }),
    policy: { hash: policyHash(judged), rules: [...rules] },
    outcome: { status, returned, withheld, masked },
  };
}

/** RFC 9651 item with parameters: the entry's index, its leaf hash, the log's origin and, where it differs, the number through all logs. */
const receiptHeader = (receipt: LedgerReceipt): string =>
  `${receipt.index};leaf="${receipt.leaf}";log="${receipt.log}"${receipt.entry === undefined ? '' : `;entry=${receipt.entry}`}`;

const nothing = (status: number) => ({ status, returned: 0, withheld: 0, masked: 0 });

type Emergency = Parameters<EmergencyDesk['used']>[0];

function emergenciesOf(
  judged: Judged,
  released: Disclosed,
  context: StageContext,
): { readonly emergencies?: readonly Emergency[] } {
  const planned = firstPermitted(judged);
  const claim = planned?.question.breakGlass;
  if (planned === undefined || claim === undefined || released.consent?.basis !== 'break-glass') return {};
  const { seconds, reviewSeconds } = planned.consentPolicy.breakGlass;
  const openedAt = claim.openedAt ?? planned.question.now;
  return {
    emergencies: [...released.patients].map((patient) => ({
      patient,
      principal: planned.principal,
      openedAt,
      until: (openedAt + seconds) as EpochSeconds,
      reviewBy: (openedAt + reviewSeconds) as EpochSeconds,
      requestId: context.requestId,
    })),
  };
}

const operator = { user: 'operator', issuer: 'local', client: 'operator', roles: [] } as const;

const actorOf = ({ user, issuer, client, roles, fhirUser, organisation }: Principal) => ({
  user,
  issuer,
  client,
  roles,
  ...(fhirUser === undefined ? {} : { fhirUser }),
  ...(organisation === undefined ? {} : { organisation }),
});

const consentOf = ({ basis, grants, contract, block, blockHash }: ConsentProof) => ({
  basis,
  grants,
  contract,
  block,
  blockHash,
});

type Facts = Omit<LedgerEntry, 'kind' | 'decision' | 'outcome'>;

function facts(exchange: Received | Authenticated, context: StageContext, judged: Judged | undefined): Facts {
  const planned = firstPermitted(judged);
  const principal = 'principal' in exchange ? exchange.principal : undefined;
  const interaction = 'interaction' in exchange ? exchange.interaction : undefined;
  return {
    at: context.now,
    requestId: context.requestId,
    patients: [...context.named],
    resources: [],
    story: context.story,
    height: planned?.consentView?.head.number ?? 0,
    ...(principal === undefined
      ? {}
      : {
          actor: actorOf(principal),
          purpose: principal.purpose,
          ...(principal.reason === undefined ? {} : { reason: principal.reason }),
        }),
    ...(interaction === undefined ? {} : { interaction: told(interaction) }),
    ...(planned === undefined
      ? {}
      : {
          risk: {
            score: planned.assessment.score,
            action: planned.assessment.action,
            model: planned.assessment.model,
            reasons: planned.assessment.reasons.map((reason) => reason.feature),
          },
        }),
  };
}

function told(interaction: FhirInteraction): NonNullable<LedgerEntry['interaction']> {
  const query = normalQuery(interaction);
  return {
    kind: interaction.kind,
    ...('type' in interaction && interaction.type !== undefined ? { type: interaction.type } : {}),
    ...('id' in interaction && interaction.id !== undefined ? { id: interaction.id } : {}),
    ...(interaction.kind === 'operation' ? { operation: interaction.name } : {}),
    ...(query === '' ? {} : { query }),
  };
}

function kindOf(judged: Judged): EntryKind {
  const { interaction, principal } = judged.exchange;
  if (principal.purpose === 'ETREAT' || principal.purpose === 'BTG') return 'break-glass';
  switch (interaction.kind) {
    case 'read':
    case 'vread':
    case 'capabilities':
      return 'read';
    case 'search':
    case 'history':
    case 'operation':
    case 'graphql':
      return 'search';
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
    case 'transaction':
      return 'write';
    case 'batch':
      return judged.parts.some(
        (part) =>
          part.kind === 'permitted' && ['create', 'update', 'patch', 'delete'].includes(part.value.interaction.kind),
      )
        ? 'write'
        : 'search';
    default:
      return interaction satisfies never;
  }
}

const firstPermitted = (judged: Judged | undefined): Planned | undefined => {
  for (const part of judged?.parts ?? []) if (part.kind === 'permitted') return part.value;
  return undefined;
};

const policyHash = (judged: Judged): string => firstPermitted(judged)?.policyHash ?? '';
