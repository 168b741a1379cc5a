import type { Reason } from '../reason.ts';
import { actionBit, classBit, labelBit, purposeBit, sensitiveLabels } from './bits.ts';
import type { GrantDraft } from './draft.ts';
import { narrowingRoles } from './fhir-actor.ts';
import type { ConsentStatement } from './fhir-consent.ts';
import { dataClassSystem } from './fhir-content.ts';
import type { ActorReference, ConsentRule, RuleActor } from './fhir-rule.ts';
import type { TimeSpan } from './fhir-time.ts';
import type { Code, Concept } from './fhir-values.ts';
import { consentPurposes, type EpochSeconds, type GranteeKind, granteeKinds } from './grant.ts';
import { labelClosure } from './labels.ts';
import { coversPurpose } from './purpose.ts';
import { type FhirReference, fhirReference, typeOf } from './reference.ts';

export type Compiled =
  | {
      readonly ok: true;
      readonly drafts: readonly GrantDraft[];
      /** Where the grants close more than the Consent asks for. They never open more. */
      readonly notes: readonly Reason[];
    }
  | { readonly ok: false; readonly reasons: readonly Reason[] };

export interface CompileOptions {
  /** Bases of this FHIR server: absolute references to it mean the same as relative ones. */
  readonly bases: readonly string[];
  /** The classes that resources of a type may have. */
  readonly possible: (type: string) => number;
}

interface Grantee {
  readonly kind: GranteeKind;
  readonly name: string;
}

/** The limits of a rule and of every rule it stands in. */
interface Limits {
  readonly grantees: readonly Grantee[] | undefined;
  readonly actions: number;
  readonly purposes: number;
  readonly classes: number;
  readonly period: TimeSpan;
  readonly dataPeriod: TimeSpan;
}

const always: TimeSpan = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };
const unlimited: Limits = {
  grantees: undefined,
  actions: 0,
  purposes: 0,
  classes: 0,
  period: always,
  dataPeriod: always,
};

const kinds: Readonly<Record<string, GranteeKind>> = {
  Practitioner: 'person',
  PractitionerRole: 'person',
  RelatedPerson: 'person',
  Patient: 'person',
  Organization: 'organisation',
  CareTeam: 'care-team',
  ResearchStudy: 'study',
};

const actionCodes: Readonly<Record<string, readonly string[]>> = {
  access: ['read', 'search', 'operation'],
  read: ['read'],
  search: ['search'],
  collect: ['create'],
  create: ['create'],
  correct: ['update'],
  update: ['update'],
  delete: ['delete'],
  disclose: ['export'],
  export: ['export'],
  operation: ['operation'],
  deidentified: ['deidentified'],
};

/** Collects the drafts of one Consent, and why it cannot be held where it cannot. */
class Compiler {
  readonly drafts: GrantDraft[] = [];
  readonly refusals: Reason[] = [];
  readonly notes: Reason[] = [];
  readonly #options: CompileOptions;

  constructor(options: CompileOptions) {
    this.#options = options;
  }

  refuse(rule: ConsentRule, text: string): 0 {
    this.refusals.push({ rule: rule.path, text });
    return 0;
  }

  /** A rule in the scope of the rules around it; `depth` counts the changes of effect so far. */
  rule(rule: ConsentRule, around: Limits): void {
    if (rule.expression || rule.codes.length > 0 || rule.data.length > 0) {
      this.refuse(rule, 'Single codes, single records and expressions cannot be held on chain; name data classes.');
      return;
    }
    const limits = this.#within(rule, around);
    if (rule.effect === 'permit') this.#permit(rule, limits);
    else this.#deny(rule, limits);
  }

  /** The base of a Consent: a general deny is what holds anyway while nothing is granted. */
  root(root: ConsentRule): void {
    if (root.effect === undefined && root.exceptions.length === 0) {
      this.refuse(root, 'It cannot be told what the patient decided.');
    } else if (root.effect === 'permit') this.rule(root, unlimited);
    else {
      const limits = this.#within(root, unlimited);
      if (root.effect === 'deny' && root.actors.length > 0) this.#draft(root, limits, this.#denyLabels(root));
      for (const inner of root.exceptions) {
        if (inner.effect === 'permit' && root.actors.length > 0 && root.effect === 'deny') {
          this.refuse(inner, 'A refusal on chain knows no exceptions: it wins over every grant.');
        } else if (inner.effect === 'permit') this.rule(inner, { ...limits, grantees: undefined });
        else if (root.effect === undefined) this.rule(inner, limits);
      }
    }
  }

  #permit(rule: ConsentRule, limits: Limits): void {
    const labels = this.#permitLabels(rule);
    this.#draft(rule, limits, labels);
    for (const inner of rule.exceptions) {
      // A permit inside a permit adds nothing to it.
      if (inner.effect === 'deny') this.rule(inner, limits);
    }
  }

  #deny(rule: ConsentRule, limits: Limits): void {
    if (rule.exceptions.some((inner) => inner.effect === 'permit')) {
      this.refuse(rule, 'A refusal on chain knows no exceptions: it wins over every grant.');
      return;
    }
    this.#draft(rule, limits, this.#denyLabels(rule));
  }

  #draft(rule: ConsentRule, limits: Limits, labels: number): void {
    if (limits.grantees === undefined) {
      this.refuse(rule, 'A grant needs to name whom it is for; this rule speaks of anyone.');
      return;
    }
    for (const grantee of limits.grantees) {
      this.drafts.push({
        effect: rule.effect ?? 'deny',
        granteeKind: grantee.kind,
        grantee: grantee.name,
        actions: limits.actions,
        purposes: limits.purposes,
        classes: limits.classes,
        labels,
        conditions: 0,
        ...times(limits, rule.effect ?? 'deny'),
      });
    }
  }

  #within(rule: ConsentRule, around: Limits): Limits {
    const own = rule.actors.length === 0 ? undefined : rule.actors.flatMap((actor) => this.#grantee(rule, actor));
    if (own !== undefined && around.grantees !== undefined && !own.every((one) => holds(around.grantees, one))) {
      // The rule means these callers only where the outer rule means them too.
      this.notes.push({ rule: rule.path, text: 'The refusal is held for these callers wherever they act.' });
    }
    return {
      grantees: own ?? around.grantees,
      actions: this.#narrow(rule, around.actions, this.#actions(rule)),
      purposes: this.#narrow(rule, around.purposes, this.#purposes(rule)),
      classes: this.#narrow(rule, around.classes, this.#classes(rule)),
      period: meet(around.period, rule.period ?? always),
      dataPeriod: meet(around.dataPeriod, rule.dataPeriod ?? always),
    };
  }

  /** 0 is "any" on both sides; two lists that share nothing leave a rule that never applies. */
  #narrow(rule: ConsentRule, around: number, own: number): number {
    if (around === 0 || own === 0) return around | own;
    return (around & own) === 0
      ? this.refuse(rule, 'The rule can never apply: it lies outside the rule around it.')
      : around & own;
  }

  #grantee(rule: ConsentRule, actor: RuleActor): readonly Grantee[] {
    const { reference } = actor;
    const roles = narrowingRoles(actor);
    const named = granteeOfIdentifier(reference?.identifier);
    if (named !== undefined) return [named];
    const target = reference?.reference === undefined ? undefined : this.#local(reference.reference);
    if (reference !== undefined && target === undefined) {
      this.refuse(rule, 'An actor is not a reference to a resource of this server.');
      return [];
    }
    if (target === undefined) {
      const [code] = roles;
      if (code === undefined) this.refuse(rule, 'An actor names neither a reference nor a role.');
      return code === undefined ? [] : [{ kind: 'role', name: code.code }];
    }
    const kind = kinds[typeOf(target)];
    if (kind === undefined) {
      this.refuse(rule, `An actor of type ${typeOf(target)} cannot be held; its members are not known here.`);
      return [];
    }
    if (roles.length > 0)
      this.refuse(rule, 'An actor wants a role and a reference at once; a grant names one of them.');
    return [{ kind, name: target.name }];
  }

  #local(text: string): FhirReference | undefined {
    const reference = fhirReference(text);
    if (reference === undefined || reference.name.startsWith('#') || reference.name.startsWith('urn:'))
      return undefined;
    return reference.base === undefined || this.#options.bases.includes(reference.base) ? reference : undefined;
  }

  #actions(rule: ConsentRule): number {
    return this.#sum(rule, rule.actions, ({ code }) => {
      const names = actionCodes[code.toLowerCase()] ?? [];
      return names.reduce((bits, name) => bits | actionBit(name), 0);
    });
  }

  #purposes(rule: ConsentRule): number {
    return this.#sum(rule, rule.purposes, ({ code }) =>
      consentPurposes.filter((one) => coversPurpose(code, one)).reduce((bits, one) => bits | purposeBit(one), 0),
    );
  }

  #classes(rule: ConsentRule): number {
    return this.#sum(rule, [...rule.classes, ...rule.types], ({ system, code }) => {
      if (system === dataClassSystem) return classBit(code);
      const possible = /^[A-Z][A-Za-z]+$/.test(code) ? this.#options.possible(code) : 0;
      // A refusal of a type is held as one of its class, if there is but one; a grant of it would open more.
      const single = possible !== 0 && (possible & (possible - 1)) === 0;
      if (rule.effect !== 'deny' || !single) return 0;
      this.notes.push({ rule: rule.path, text: `The refusal of ${code} is held as one of its whole data class.` });
      return possible;
    });
  }

  #sum(rule: ConsentRule, concepts: readonly Concept[], bitsOf: (code: Code) => number): number {
    let bits = 0;
    for (const { codes } of concepts) {
      const own = codes.reduce((sum, code) => sum | bitsOf(code), 0);
      if (own === 0) {
        const code = codes[0]?.code ?? 'without a code';
        this.refuse(rule, `\`${code}\` cannot be held on chain${classHint(rule, concepts)}.`);
      }
      bits |= own;
    }
    return bits;
  }

  /** A permit lists the labels it reaches beyond normal data; a label alone would leave normal data out. */
  #permitLabels(rule: ConsentRule): number {
    if (rule.labels.length === 0) {
      this.notes.push({ rule: rule.path, text: 'No label is named: data with a sensitive label stays closed.' });
      return 0;
    }
    const codes = rule.labels.flatMap((label) => label.codes.map(({ code }) => code));
    if (!codes.some((code) => code === 'N' || code === 'R' || code === 'V')) {
      return this.refuse(rule, 'A permit for labelled data alone cannot be held; name the confidentiality N as well.');
    }
    return codes.reduce((bits, code) => {
      if (code === 'N') return bits;
      if (code === 'V') return bits | sensitiveLabels;
      if (code === 'R') return bits | (sensitiveLabels & ~labelBit('V'));
      return bits | this.#label(rule, code);
    }, 0);
  }

  #denyLabels(rule: ConsentRule): number {
    if (rule.effect !== 'deny') return 0;
    const codes = rule.labels.flatMap((label) => label.codes.map(({ code }) => code));
    // Normal data and upward is all data.
    if (codes.includes('N')) return 0;
    return codes.reduce((bits, code) => {
      if (code === 'R') return bits | sensitiveLabels;
      if (code === 'V') return bits | labelBit('V');
      return bits | this.#label(rule, code);
    }, 0);
  }

  #label(rule: ConsentRule, code: string): number {
    const bits = labelClosure(code);
    return bits === 0 ? this.refuse(rule, `The label \`${code}\` cannot be held on chain.`) : bits;
  }
}

/** Grantees that no FHIR resource stands for are named by identifier. */
export const granteeSystem = (kind: GranteeKind): string => `urn:consentry:${kind}`;

const granteeOfIdentifier = (identifier: ActorReference['identifier']): Grantee | undefined => {
  const kind = granteeKinds.find((one) => granteeSystem(one) === identifier?.system);
  return kind === undefined || identifier === undefined ? undefined : { kind, name: identifier.value };
};

const classHint = (rule: ConsentRule, concepts: readonly Concept[]): string =>
  concepts.some((one) => rule.classes.includes(one) || rule.types.includes(one))
    ? `; name data classes of the system ${dataClassSystem}`
    : '';

const holds = (grantees: readonly Grantee[] | undefined, wanted: Grantee): boolean =>
  grantees?.some((one) => one.kind === wanted.kind && one.name === wanted.name) === true;

const meet = (left: TimeSpan, right: TimeSpan): TimeSpan => ({
  from: Math.max(left.from, right.from),
  until: Math.min(left.until, right.until),
});

/** Seconds as the contract counts: a permit never gains by rounding, and a refusal never loses. */
const times = (
  { period, dataPeriod }: Limits,
  effect: 'permit' | 'deny',
): Pick<GrantDraft, 'from' | 'until' | 'dataFrom' | 'dataUntil'> => {
  const [early, late] = effect === 'permit' ? [Math.ceil, Math.floor] : [Math.floor, Math.ceil];
  const start = (time: number) => (Number.isFinite(time) ? Math.max(0, early(time / 1000)) : 0) as EpochSeconds;
  const end = (time: number) => (Number.isFinite(time) ? Math.max(1, late(time / 1000)) : 0) as EpochSeconds;
  return {
    from: start(period.from),
    until: end(period.until),
    dataFrom: start(dataPeriod.from),
    dataUntil: end(dataPeriod.until),
  };
};

/** The grants that hold a Consent. It is refused, with reasons, where grants would open more than it says. */
export const compileConsent = (statement: ConsentStatement, options: CompileOptions): Compiled => {
  const compiler = new Compiler(options);
  compiler.root(statement.root);
  if (compiler.refusals.length === 0 && compiler.drafts.length === 0) {
    compiler.refuse(statement.root, 'The consent grants and refuses nothing that could be held on chain.');
  }
  return compiler.refusals.length > 0
    ? { ok: false, reasons: compiler.refusals }
    : { ok: true, drafts: compiler.drafts, notes: compiler.notes };
};
