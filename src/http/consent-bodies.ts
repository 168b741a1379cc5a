import { Type } from '@sinclair/typebox';
import { consentActions } from '../domain/consent/grant.ts';
import { draftSchema, scopeSchema } from './consent-words.ts';

const strict = { additionalProperties: false };
const bytes = (least: number, most: number) => Type.String({ pattern: `^0x([0-9a-fA-F]{2}){${least},${most}}$` });
/** An account, or an ERC-7913 signer; what it signed, in the form that its verifier reads. */
const signer = bytes(20, 1024);
const signatureBytes = bytes(1, 8192);
const signature = Type.Object({ signer, signature: signatureBytes }, strict);
const account = Type.String({ pattern: '^0x[0-9a-fA-F]{40}$' });
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
        Type.Object({ terms: Type.Object({}), deadline: Type.Integer(), signer, signature: signatureBytes }, strict),
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
export const keyBody = Type.Object({ ...patientMember, controller: Type.Optional(account) }, strict);
const delegateSigning = {
  /** Count of delegations and rebindings that the chain has seen of the patient; asked of the chain without it. */
  nonce: Type.Optional(Type.String({ pattern: '^\\d{1,20}$' })),
  deadline: Type.Optional(Type.Integer()),
  signed: Type.Optional(signature),
};
export const moveBody = Type.Object(
  {
    ...patientMember,
    to: Type.Union([
      Type.Object({ how: Type.Literal('kept') }, { ...strict, description: 'A new key that the gateway keeps.' }),
      Type.Object({ how: Type.Literal('wallet'), account }, strict),
      Type.Object(
        {
          how: Type.Literal('passkey'),
          point: Type.String({
            pattern: '^0x[0-9a-fA-F]{128}$',
            description: 'The two coordinates of the P-256 key.',
          }),
          credential: Type.String({ pattern: '^[A-Za-z0-9_-]{1,1400}$', description: 'Id of the passkey, base64url.' }),
        },
        strict,
      ),
    ]),
    ...delegateSigning,
  },
  strict,
);
export const delegateBody = Type.Object(
  {
    ...patientMember,
    delegate: account,
    rights: Type.Array(Type.Union([Type.Literal('grant'), Type.Literal('withdraw'), Type.Literal('delegate')]), {
      minItems: 1,
    }),
    until: Type.String(),
    ...delegateSigning,
  },
  strict,
);
export const endDelegateBody = Type.Object({ ...patientMember, delegate: account, ...delegateSigning }, strict);
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
