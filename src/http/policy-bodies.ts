import { Type } from '@sinclair/typebox';

const strict = { additionalProperties: false };
const word = Type.String({ minLength: 1, maxLength: 200 });

/** Files of the masking policies that are to be otherwise than in force; `null` takes one away. */
const changes = Type.Array(
  Type.Object({ name: word, text: Type.Union([Type.String({ maxLength: 1_000_000 }), Type.Null()]) }, strict),
  { maxItems: 200 },
);
const draft = Type.Optional(changes);
const reason = Type.String({ minLength: 1, maxLength: 2000 });

export const draftBody = Type.Object({ changes: draft }, strict);
export const coverageBody = Type.Object({ changes: draft, role: word, purpose: Type.Optional(word) }, strict);
const who = {
  purpose: Type.Optional(word),
  client: Type.Optional(word),
  organisation: Type.Optional(word),
  study: Type.Optional(word),
  overlays: Type.Optional(Type.Array(word, { maxItems: 20 })),
  asOf: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' })),
};
/** As text a resource keeps its numbers as they are written; as an object it is written anew. */
const resource = Type.Union([Type.String({ maxLength: 1_000_000 }), Type.Object({})]);
export const previewBody = Type.Object(
  {
    changes: draft,
    /** Absent: every role, each for its usual purpose. Several at once for one caller: joined by `+`. */
    roles: Type.Optional(Type.Array(word, { minItems: 1, maxItems: 100 })),
    ...who,
    resource,
  },
  strict,
);
export const replayBody = Type.Object(
  { changes: draft, days: Type.Optional(Type.Integer({ minimum: 1, maximum: 366, default: 7 })) },
  strict,
);
export const reidentificationBody = Type.Object(
  {
    changes: draft,
    role: word,
    ...who,
    patients: Type.Array(Type.Object({ resourceType: Type.Literal('Patient') }), { minItems: 1, maxItems: 20_000 }),
  },
  strict,
);
/** A preview that is to stay as it is, by the name of the case. */
export const testBody = Type.Object({ changes: draft, name: word, role: word, ...who, resource }, strict);
export const proposalBody = Type.Object(
  {
    changes: Type.Array(changes.items, { minItems: 1, maxItems: 200 }),
    reason,
    /** RFC 3339; absent: as soon as it is approved. */
    effectiveFrom: Type.Optional(
      Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?(Z|[+-]\\d{2}:\\d{2})$' }),
    ),
  },
  strict,
);
export const approvalBody = Type.Object({ reason }, strict);
export const rollbackBody = Type.Object({ reason, to: Type.Optional(Type.Integer({ minimum: 1 })) }, strict);
