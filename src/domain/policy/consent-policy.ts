import { type Static, Type } from '@sinclair/typebox';
import { type ConsentAction, consentActions, consentPurposes } from '../consent/grant.ts';
import type { ConsentModel, ConsentPolicy } from '../consent/policy.ts';
import type { PolicyFault } from './fault.ts';
import { nearestName } from './nearest.ts';
import { shapedYaml } from './shaped-yaml.ts';

const strict = { additionalProperties: false };
const model = Type.Union([
  Type.Literal('opt-in'),
  Type.Literal('opt-out'),
  Type.Literal('not-required'),
  Type.Literal('closed'),
]);
const words = Type.Array(Type.String({ minLength: 1 }), { minItems: 1 });
const models = Type.Record(Type.String(), model);

const schema = Type.Object(
  {
    version: Type.Literal(1),
    /** For purposes that are not named. */
    fallback: model,
    purposes: models,
    self: Type.Object({ purposes: words, actions: words }, strict),
    'break-glass': Type.Object(
      {
        purposes: words,
        roles: words,
        actions: words,
        'reason-characters': Type.Integer({ minimum: 1 }),
        minutes: Type.Integer({ minimum: 1, maximum: 24 * 60 }),
        'review-hours': Type.Integer({ minimum: 1 }),
      },
      strict,
    ),
    /** Differences for one upstream, by the name it has in the configuration. */
    upstreams: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({ fallback: Type.Optional(model), purposes: Type.Optional(models) }, strict),
      ),
    ),
  },
  strict,
);
type File = Static<typeof schema>;

export type ConsentPolicyFile =
  | {
      readonly ok: true;
      /** The policy of an upstream; one that the file does not name has the common rules. */
      readonly policyFor: (upstream: string) => ConsentPolicy;
      readonly upstreams: readonly string[];
    }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] };

const build = (file: File, id: string, upstream: string): ConsentPolicy => {
  const own = file.upstreams?.[upstream];
  const glass = file['break-glass'];
  const actions = (names: readonly string[]): ReadonlySet<ConsentAction> => new Set(names as readonly ConsentAction[]);
  return {
    id: own === undefined ? id : `${id}#${upstream}`,
    fallback: own?.fallback ?? file.fallback,
    models: new Map<string, ConsentModel>(Object.entries({ ...file.purposes, ...own?.purposes })),
    self: { purposes: new Set(file.self.purposes), actions: actions(file.self.actions) },
    breakGlass: {
      purposes: new Set(glass.purposes),
      roles: new Set(glass.roles),
      reasonLength: glass['reason-characters'],
      seconds: glass.minutes * 60,
      reviewSeconds: glass['review-hours'] * 3600,
      actions: actions(glass.actions),
    },
  };
};

/** Reads `policies/consent.yaml`. */
export const parseConsentPolicy = (file: string, text: string): ConsentPolicyFile => {
  const shaped = shapedYaml(file, text, schema);
  if (!shaped.ok) return shaped;
  const { value, fault } = shaped;
  const faults: PolicyFault[] = [];
  const known = (path: readonly (string | number)[], name: string, names: readonly string[], what: string): void => {
    if (names.includes(name)) return;
    const nearest = nearestName(name, names);
    const found = fault(path, `\`${name}\` is no ${what} of consent.`);
    faults.push(nearest === undefined ? found : { ...found, nearest });
  };
  const each = (path: readonly string[], list: readonly string[], names: readonly string[], what: string): void => {
    for (const [index, name] of list.entries()) known([...path, index], name, names, what);
  };
  for (const purpose of Object.keys(value.purposes)) known(['purposes', purpose], purpose, consentPurposes, 'purpose');
  for (const [upstream, own] of Object.entries(value.upstreams ?? {})) {
    for (const purpose of Object.keys(own.purposes ?? {})) {
      known(['upstreams', upstream, 'purposes', purpose], purpose, consentPurposes, 'purpose');
    }
  }
  each(['self', 'purposes'], value.self.purposes, consentPurposes, 'purpose');
  each(['self', 'actions'], value.self.actions, consentActions, 'action');
  each(['break-glass', 'purposes'], value['break-glass'].purposes, consentPurposes, 'purpose');
  each(['break-glass', 'actions'], value['break-glass'].actions, consentActions, 'action');
  if (faults.length > 0) return { ok: false, faults };
  return {
    ok: true,
    policyFor: (upstream) => build(value, file, upstream),
    upstreams: Object.keys(value.upstreams ?? {}),
  };
};
