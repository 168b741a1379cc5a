import { type ConsentRule, type Effect, exceptionsOf, periodAt, ruleOf, typeAt } from './fhir-rule.ts';
import type { TimeSpan } from './fhir-time.ts';
import { type Code, conceptOf, type Faults, type FhirObject, objectAt, objectsAt } from './fhir-values.ts';

/** v3-ActCode, ActConsentDirective, and the policies of STU3: what the base policy of an R4 Consent says. */
const directives: Readonly<Record<string, Effect>> = {
  'opt-in': 'permit',
  'opt-out': 'deny',
  OPTIN: 'permit',
  OPTINR: 'permit',
  IMPLIED: 'permit',
  IMPLIEDD: 'permit',
  OPTOUT: 'deny',
  OPTOUTE: 'deny',
  EMRGONLY: 'deny',
};

const policyBase = (codes: readonly Code[], faults: Faults): Effect | undefined => {
  const bases = new Set(codes.map(({ code }) => directives[code]).filter((one) => one !== undefined));
  if (bases.size > 1) faults.push('Consent.policyRule');
  const [base] = bases;
  return base;
};

const anything = {
  path: 'provision',
  actors: [],
  actions: [],
  labels: [],
  purposes: [],
  classes: [],
  types: [],
  codes: [],
  data: [],
  expression: false,
  exceptions: [],
} as const;

const emergencies: ConsentRule = {
  ...anything,
  effect: 'permit',
  path: 'policyRule',
  purposes: [{ codes: [{ code: 'ETREAT' }] }],
};

/** Whether a rule says of whom, what or why it speaks; its period alone does not. */
const isSpecific = (rule: ConsentRule): boolean =>
  rule.actors.length + rule.actions.length + rule.labels.length + rule.purposes.length > 0 ||
  rule.classes.length + rule.types.length + rule.codes.length + rule.data.length > 0 ||
  rule.dataPeriod !== undefined ||
  rule.expression;

/**
 * The base of an R4 Consent comes from the policy rule or, though the definition does not foresee it, from the type of
 * the root provision, as most data has it. Where both are stated and differ, the root provision is what the definition
 * calls it, "an exception to the base policy" (the example notOrg: OPTIN, deny for one organisation). A permit that
 * would take the whole of a refusal back is no exception: then the patient's will cannot be told, and it stays a deny.
 */
export const rootR4 = (consent: FhirObject, faults: Faults): ConsentRule => {
  const policyRule = objectAt(consent, 'policyRule', 'Consent', faults);
  const codes = policyRule === undefined ? [] : conceptOf(policyRule, 'Consent.policyRule', faults).codes;
  const uris = objectsAt(consent, 'policy', 'Consent', faults).flatMap(({ uri }) =>
    typeof uri === 'string' ? [{ code: uri.slice(uri.lastIndexOf('/') + 1) }] : [],
  );
  const base = policyBase(codes, faults) ?? policyBase(uris, faults);
  const provision = objectAt(consent, 'provision', 'Consent', faults);
  const stated = provision === undefined ? undefined : typeAt(provision, 'provision', faults);
  const rule =
    provision === undefined
      ? { ...anything, effect: base }
      : ruleOf(provision, stated ?? base, 'provision', { release: 'R4', faults });
  const root = base === undefined || stated === undefined || base === stated ? rule : exceptionTo(base, rule);
  // R4 has no period of the Consent itself; STU3 had, and a limit that is stated is kept.
  const whole = periodAt(consent, 'period', 'Consent', faults);
  const period = whole === undefined || root.period === undefined ? (whole ?? root.period) : meet(whole, root.period);
  const emergency = codes.some(({ code }) => code === 'EMRGONLY') ? [emergencies] : [];
  return {
    ...root,
    ...(period === undefined ? {} : { period }),
    exceptions: [...root.exceptions, ...emergency],
  };
};

const exceptionTo = (base: Effect, rule: ConsentRule): ConsentRule =>
  base === 'deny' && !isSpecific(rule)
    ? { ...rule, effect: 'deny' }
    : { ...anything, effect: base, path: 'policyRule', exceptions: [rule] };

const meet = (left: TimeSpan, right: TimeSpan): TimeSpan => ({
  from: Math.max(left.from, right.from),
  until: Math.min(left.until, right.until),
});

/** R5: `decision` is the base, and it stands for all that no provision excepts. */
export const rootR5 = (consent: FhirObject, faults: Faults): ConsentRule => {
  const decision = consent.decision === 'permit' || consent.decision === 'deny' ? consent.decision : undefined;
  if (decision === undefined) faults.push('Consent.decision');
  const period = periodAt(consent, 'period', 'Consent', faults);
  return {
    ...anything,
    effect: decision,
    path: 'decision',
    ...(period === undefined ? {} : { period }),
    exceptions: exceptionsOf(consent, decision, '', { release: 'R5', faults }),
  };
};
