import { classify } from '../fhir/classify.ts';
import type { FhirInteraction, ResourceType } from '../fhir/interaction.ts';
import { defaultOperations } from '../fhir/operations.ts';
import type { LedgerEntry } from '../ledger/entry.ts';
import type { CompiledPlan } from '../masking/compile.ts';
import { maskedCriterion } from '../masking/masked-criterion.ts';
import { type ElementChange, elementChanges } from './diff.ts';
import type { PolicySet } from './policy-set.ts';

/** Decisions that were alike as far as policies go, with no patient, no user and no value in them. */
export interface ReplayFact {
  readonly calls: number;
  readonly decision: 'permit' | 'deny';
  /** Of a refusal that the policies caused. */
  readonly code?: string;
  readonly roles: readonly string[];
  readonly purpose: string;
  readonly client: string;
  readonly organisation?: string;
  readonly interaction: {
    readonly kind: string;
    readonly type?: string;
    readonly operation?: string;
    readonly query?: string;
  };
  /** Resources that left, by type. */
  readonly released: Readonly<Record<string, number>>;
}

/** What one role by one client would have met otherwise. */
export interface ReplayGroup {
  readonly role: string;
  readonly purpose: string;
  readonly client: string;
  readonly type: string;
  readonly calls: number;
  /** Resources of the type that left in these calls. */
  readonly resources: number;
  /** Why: elements with what becomes of them, criteria with the rule that closes them. */
  readonly because: readonly string[];
}

export interface ReplayReport {
  readonly calls: number;
  /** Allowed then and refused by the draft. */
  readonly denied: readonly ReplayGroup[];
  /** Refused then for the policies, and not by the draft; consent and risk would still be asked. */
  readonly allowed: readonly ReplayGroup[];
  /** Would have shown more of what left. */
  readonly exposed: readonly ReplayGroup[];
  /** Would have shown less of it. */
  readonly hidden: readonly ReplayGroup[];
  /** Calls that cannot be judged again from what the ledger tells. */
  readonly unjudged: number;
}

const byPolicy: ReadonlySet<string> = new Set(['policy-no-rule', 'masked-parameter']);
const accesses: ReadonlySet<string> = new Set(['read', 'search', 'write', 'break-glass', 'denied']);

/** What of an entry a replay needs; undefined: the policies had no say in it. */
const factOf = (entry: LedgerEntry): Omit<ReplayFact, 'calls'> | undefined => {
  const { actor, purpose, interaction, decision, code } = entry;
  if (actor === undefined || purpose === undefined || interaction === undefined) return undefined;
  if (!accesses.has(entry.kind) || (decision === 'deny' && !byPolicy.has(code ?? ''))) return undefined;
  const released: Record<string, number> = {};
  for (const resource of entry.resources) {
    const type = resource.split('/')[0] ?? '';
    released[type] = (released[type] ?? 0) + 1;
  }
  const { kind, type, operation, query } = interaction;
  return {
    decision,
    ...(code === undefined ? {} : { code }),
    roles: actor.roles,
    purpose,
    client: actor.client,
    ...(actor.organisation === undefined ? {} : { organisation: actor.organisation }),
    interaction: {
      kind,
      ...(type === undefined ? {} : { type }),
      ...(operation === undefined ? {} : { operation }),
      ...(query === undefined ? {} : { query }),
    },
    released,
  };
};

/** Gathers entries into facts: a day of many calls is a few kinds of them. */
export const factGatherer = () => {
  const facts = new Map<string, { calls: number; released: Record<string, number>; fact: Omit<ReplayFact, 'calls'> }>();
  return {
    add(entry: LedgerEntry): void {
      const fact = factOf(entry);
      if (fact === undefined) return;
      const { released, ...rest } = fact;
      const key = JSON.stringify([rest, Object.keys(released).sort()]);
      const known = facts.get(key) ?? { calls: 0, released: {}, fact };
      facts.set(key, known);
      known.calls += 1;
      for (const [type, count] of Object.entries(released)) known.released[type] = (known.released[type] ?? 0) + count;
    },
    facts: (): readonly ReplayFact[] =>
      [...facts.values()].map(({ calls, released, fact }) => ({ ...fact, calls, released })),
  };
};

/** The call as far as its criteria go; undefined: it has none, or they are not in the ledger. */
const interactionOf = ({ interaction }: ReplayFact): FhirInteraction | 'unknown' | undefined => {
  const { kind, type, operation, query } = interaction;
  if (query === undefined) return undefined;
  const path = kind === 'operation' ? [type, `$${operation ?? ''}`] : kind === 'history' ? [type, '_history'] : [type];
  if (!['search', 'history', 'operation'].includes(kind)) return undefined;
  const target = `/${path.filter((part) => part !== undefined).join('/')}?${query}`;
  const classified = classify({ method: 'GET', target, headers: {}, body: undefined });
  return classified.ok ? classified.interaction : 'unknown';
};

/** Why a plan refuses the call as a whole; undefined: it does not. */
const refusal = (plan: CompiledPlan | undefined, fact: ReplayFact, call: FhirInteraction | undefined) => {
  if (plan === undefined) return 'No policy covers the role for the purpose.';
  const { type } = fact.interaction;
  if (type !== undefined && !plan.covers(type as ResourceType)) return `No policy of the role covers ${type}.`;
  const masked = call === undefined ? undefined : maskedCriterion(call, plan, defaultOperations);
  if (masked === undefined) return undefined;
  return masked.rule === undefined
    ? `The criterion ${masked.name} reaches a type outside the policies.`
    : `The criterion ${masked.name} is closed by ${masked.rule}.`;
};

interface Gathered {
  readonly group: Omit<ReplayGroup, 'calls' | 'resources' | 'because'>;
  calls: number;
  resources: number;
  readonly because: Set<string>;
}

/** At most this many reasons are told of one group. */
const MOST = 20;

const tally = () => {
  const groups = new Map<string, Gathered>();
  return {
    add(fact: ReplayFact, type: string, because: readonly string[]): void {
      const group = { role: fact.roles.join('+'), purpose: fact.purpose, client: fact.client, type };
      const key = JSON.stringify(group);
      const known = groups.get(key) ?? { group, calls: 0, resources: 0, because: new Set<string>() };
      groups.set(key, known);
      known.calls += fact.calls;
      known.resources += fact.released[type] ?? 0;
      for (const reason of because) if (known.because.size < MOST) known.because.add(reason);
    },
    groups: (): readonly ReplayGroup[] =>
      [...groups.values()]
        .map(({ group, because, ...counts }) => ({ ...group, ...counts, because: [...because] }))
        .sort((a, b) => b.calls - a.calls),
  };
};

/** Holds decisions of the past against a draft: what it would have refused, allowed, shown and hidden that the set in force does not. */
export const replay = (before: PolicySet, after: PolicySet, facts: readonly ReplayFact[]): ReplayReport => {
  const [denied, allowed, exposed, hidden] = [tally(), tally(), tally(), tally()];
  const changes = new Map<string, readonly ElementChange[]>();
  const changesOf = (old: CompiledPlan, fresh: CompiledPlan, type: string): readonly ElementChange[] => {
    const key = `${old.id} ${fresh.id} ${type}`;
    const known = changes.get(key) ?? elementChanges(old, fresh, type);
    changes.set(key, known);
    return known;
  };
  let calls = 0;
  let unjudged = 0;
  for (const fact of facts) {
    calls += fact.calls;
    const call = interactionOf(fact);
    if (call === 'unknown') {
      unjudged += fact.calls;
      continue;
    }
    const [old, fresh] = [before.planFor(fact), after.planFor(fact)];
    const [was, is] = [refusal(old, fact, call), refusal(fresh, fact, call)];
    const asked = fact.interaction.type ?? '*';
    if (fact.decision === 'deny') {
      if (was !== undefined && is === undefined) allowed.add(fact, asked, [was]);
      continue;
    }
    if (is !== undefined) {
      if (was === undefined) denied.add(fact, asked, [is]);
      continue;
    }
    if (old === undefined || fresh === undefined) continue;
    for (const type of Object.keys(fact.released)) {
      const told = changesOf(old, fresh, type);
      const of = (kind: ElementChange['kind']) =>
        told.filter((change) => change.kind === kind).map(({ path, how }) => `${path}: ${how}`);
      const [more, less] = [of('widens'), of('narrows')];
      if (more.length > 0) exposed.add(fact, type, more);
      if (less.length > 0) hidden.add(fact, type, less);
    }
  }
  return {
    calls,
    denied: denied.groups(),
    allowed: allowed.groups(),
    exposed: exposed.groups(),
    hidden: hidden.groups(),
    unjudged,
  };
};
