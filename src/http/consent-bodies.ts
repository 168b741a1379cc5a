import { Type } from '@sinclair/typebox';
import { consentActions } from '../domain/consent/grant.ts';
import { draftSchema, scopeSchema } from './consent-words.ts';

const strict = { additionalProperties: false };
const hex = Type.String({ pattern: '^0x[0-9a-fA-F]+$' });
const signature = Type.Object({ signer: hex, signature: hex }, strict);
const patientId = Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' });
/** Of the routes that only look. */
export const patientQuery = Type.Object({
  patient: Type.Optional(Type.String({ description: 'Patients need not name themselves.' })),
});

const patientMember = { patient: Type.Optional(patientId) };

export const grantBody = Type.Object(
  {
    ...patientMember,
    grants: Type.Optional(Type.Array(draftSchema, { minItems: 1, maxItems: 50 })),
    /** A FHIR Consent (R4 or R5) instead of grants. */
    consent: Type.Optional(Type.Object({})),
    /** What `prepare` gave, signed in a wallet; in the order of `grants`. */
    signed: Type.Optional(
      Type.Array(
        Type.Object({ terms: Type.Object({}), deadline: Type.Integer(), signer: hex, signature: hex }, strict),
      ),
    ),
  },
  strict,
);
export const revokeBody = Type.Object({ ...patientMember, signed: Type.Optional(signature) }, strict);
export const narrowBody = Type.Object(
  { ...patientMember, scope: scopeSchema, signed: Type.Optional(signature) },
  strict,
);
export const keyBody = Type.Object(
  { ...patientMember, controller: Type.Optional(Type.String({ pattern: '^0x[0-9a-fA-F]{40}$' })) },
  strict,
);
const delegateSigning = {
  /** Count of delegations and rebindings that the chain has seen of the patient; asked of the chain without it. */
  nonce: Type.Optional(Type.String({ pattern: '^\\d{1,20}$' })),
  deadline: Type.Optional(Type.Integer()),
  signed: Type.Optional(signature),
};
export const delegateBody = Type.Object(
  {
    ...patientMember,
    delegate: Type.String({ pattern: '^0x[0-9a-fA-F]{40}$' }),
    rights: Type.Array(Type.Union([Type.Literal('grant'), Type.Literal('withdraw'), Type.Literal('delegate')]), {
      minItems: 1,
    }),
    until: Type.String(),
    ...delegateSigning,
  },
  strict,
);
export const endDelegateBody = Type.Object(
  { ...patientMember, delegate: Type.String({ pattern: '^0x[0-9a-fA-F]{40}$' }), ...delegateSigning },
  strict,
);
export const vouchBody = Type.Object({ patient: patientId }, strict);
export const explainBody = Type.Object(
  {
    ...patientMember,
    person: Type.Optional(Type.String()),
    organisation: Type.Optional(Type.String()),
    roles: Type.Optional(Type.Array(Type.String())),
    careTeams: Type.Optional(Type.Array(Type.String())),
    study: Type.Optional(Type.String()),
    app: Type.Optional(Type.String()),
    purpose: Type.String(),
    action: Type.Union(consentActions.map((action) => Type.Literal(action))),
    resource: Type.Optional(Type.Object({})),
  },
  strict,
);
