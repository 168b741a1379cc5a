import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { actionBit, classBit, conditionBit, purposeBit } from '../domain/consent/bits.ts';
import type { GrantDraft } from '../domain/consent/draft.ts';
import { timeSpan } from '../domain/consent/fhir-time.ts';
import {
  consentActions,
  consentPurposes,
  dataClasses,
  type EpochSeconds,
  grantConditions,
  granteeKinds,
  securityLabels,
} from '../domain/consent/grant.ts';
import { labelClosure } from '../domain/consent/labels.ts';

const strict = { additionalProperties: false };
const oneOf = <Name extends string>(names: readonly Name[]) => Type.Union(names.map((name) => Type.Literal(name)));
const someOf = <Name extends string>(names: readonly Name[]) =>
  Type.Optional(Type.Array(oneOf(names), { minItems: 1 }));
const date = Type.Optional(Type.String({ description: 'RFC 3339 time, or a date in UTC.' }));

/** The limits of a grant in words; a list that is left out does not limit, but for labels and conditions: none. */
export const scopeWords = {
  actions: someOf(consentActions),
  purposes: someOf(consentPurposes),
  classes: someOf(dataClasses),
  labels: someOf(securityLabels),
  conditions: someOf(grantConditions),
  from: date,
  until: date,
  dataFrom: date,
  dataUntil: date,
};

export const draftSchema = Type.Object(
  {
    effect: Type.Optional(Type.Union([Type.Literal('permit'), Type.Literal('deny')])),
    grantee: Type.Object(
      { kind: oneOf(granteeKinds), reference: Type.String({ minLength: 1, maxLength: 256 }) },
      strict,
    ),
    ...scopeWords,
  },
  strict,
);
export const scopeSchema = Type.Object(scopeWords, strict);

export type Read<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly fault: string };

/** Strict: the framework's own validator drops unknown members, and a misspelt limit would be no limit. */
export const readBody = <Schema extends TSchema>(schema: Schema, body: unknown): Read<Static<Schema>> => {
  const error = Value.Errors(schema, body).First();
  if (error === undefined) return { ok: true, value: body as Static<Schema> };
  return { ok: false, fault: `${error.path || '/'}: ${error.message}` };
};

const bits = (names: readonly string[] | undefined, bit: (name: string) => number): Read<number> => {
  let sum = 0;
  for (const name of names ?? []) {
    const own = bit(name);
    if (own === 0) return { ok: false, fault: `\`${name}\` is not known.` };
    sum |= own;
  }
  return { ok: true, value: sum };
};

const seconds = (text: string | undefined): Read<EpochSeconds> => {
  if (text === undefined) return { ok: true, value: 0 as EpochSeconds };
  const span = timeSpan(text);
  if (span === undefined || span.from < 0) return { ok: false, fault: 'A time is not RFC 3339.' };
  return { ok: true, value: Math.floor(span.from / 1000) as EpochSeconds };
};

type Scope = Pick<
  GrantDraft,
  'actions' | 'purposes' | 'classes' | 'labels' | 'conditions' | 'from' | 'until' | 'dataFrom' | 'dataUntil'
>;

export const readScope = (words: Static<typeof scopeSchema>): Read<Scope> => {
  const parts = {
    actions: bits(words.actions, actionBit),
    purposes: bits(words.purposes, purposeBit),
    classes: bits(words.classes, classBit),
    labels: bits(words.labels, labelClosure),
    conditions: bits(words.conditions, conditionBit),
    from: seconds(words.from),
    until: seconds(words.until),
    dataFrom: seconds(words.dataFrom),
    dataUntil: seconds(words.dataUntil),
  };
  for (const part of Object.values(parts)) if (!part.ok) return part;
  const value = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.ok ? part.value : 0]));
  const scope = value as unknown as Scope;
  if (scope.until !== 0 && scope.until <= scope.from) return { ok: false, fault: '`until` is not after `from`.' };
  if (scope.dataUntil !== 0 && scope.dataUntil <= scope.dataFrom) {
    return { ok: false, fault: '`dataUntil` is not after `dataFrom`.' };
  }
  return { ok: true, value: scope };
};

export const readDraft = (words: Static<typeof draftSchema>): Read<GrantDraft> => {
  const { effect, grantee, ...limits } = words;
  const scope = readScope(limits);
  if (!scope.ok) return scope;
  return {
    ok: true,
    value: { ...scope.value, effect: effect ?? 'permit', granteeKind: grantee.kind, grantee: grantee.reference },
  };
};
