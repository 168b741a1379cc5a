import type { GrantWords } from '../../../src/domain/consent/draft.ts';
import type { GranteeKind, GrantId } from '../../../src/domain/consent/grant.ts';
import {
  delegateRights,
  delegateTypedData,
  narrowTypedData,
  revokeTypedData,
  type TypedData,
} from '../../../src/domain/consent/typed-data.ts';
import { call } from '../api.ts';
import { nextChange, post, type Settled } from './desk.ts';
import { signedBy } from './signing.ts';

export interface ShownGrant extends GrantWords {
  readonly id: string;
  readonly state: 'active' | 'expired';
  readonly grantee: { readonly kind: GranteeKind; readonly reference?: string };
}

export interface Grants {
  readonly patient: string;
  readonly grants: readonly ShownGrant[];
}

export interface ConsentEvent extends Partial<GrantWords> {
  readonly at: string;
  readonly what: 'registered' | 'granted' | 'narrowed' | 'revoked' | 'delegated' | 'moved' | 'chain-refused';
  readonly by: string;
  readonly grant?: string;
  readonly delegate?: string;
  readonly key?: 'kept' | 'wallet' | 'passkey';
  readonly grantee?: { readonly kind: GranteeKind; readonly reference: string };
}

/** A grant before it is signed; what is left out does not limit, but for labels and conditions. */
export type Draft = Omit<GrantWords, 'effect'> & {
  readonly effect?: 'permit' | 'deny';
  readonly grantee: { readonly kind: GranteeKind; readonly reference: string };
};

interface Taken {
  readonly settled: Settled;
}

interface Granted {
  readonly granted: readonly { readonly id: string; readonly settled: Settled }[];
}

interface Prepared {
  readonly toSign: readonly { readonly terms: object; readonly deadline: number; readonly typedData: TypedData }[];
}

export async function grant(patient: string, grants: readonly Draft[]): Promise<Settled> {
  const { granted } = await signedBy(
    patient,
    () => post<Granted>('/api/v1/consents', { patient, grants }),
    async (sign) => {
      const { toSign } = await post<Prepared>('/api/v1/consents/prepare', { patient, grants });
      const signed = [];
      for (const { terms, deadline, typedData } of toSign) signed.push({ terms, deadline, ...(await sign(typedData)) });
      return post('/api/v1/consents', { patient, grants, signed });
    },
  );
  const waiting = granted.find(({ settled }) => settled.state !== 'on-chain');
  if (waiting !== undefined) return waiting.settled;
  return inForce(patient, (held) => granted.every(({ id }) => held.some((each) => each.id === id)));
}

/** A choice holds when the gateway has read it back: only then is it told so. */
async function inForce(patient: string, holds: (held: readonly ShownGrant[]) => boolean): Promise<Settled> {
  for (let tries = 0; tries < 25; tries++) {
    const { body } = await call<Grants>(`/api/v1/consents?patient=${patient}`);
    if (holds(body.grants)) return { state: 'on-chain' };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { state: 'on-its-way' };
}

export async function revoke(patient: string, id: string): Promise<Settled> {
  const path = `/api/v1/consents/${id}/revoke` as const;
  const { settled } = await signedBy(
    patient,
    () => post<Taken>(path, { patient }),
    async (sign, { subject, domain }) =>
      post<Taken>(path, { patient, signed: await sign(revokeTypedData(domain, subject, id as GrantId)) }),
  );
  return settled;
}

export async function narrow(
  patient: string,
  id: string,
  scope: Omit<GrantWords, 'effect'>,
  bits: Parameters<typeof narrowTypedData>[3],
): Promise<Settled> {
  const path = `/api/v1/consents/${id}/narrow` as const;
  const { settled } = await signedBy(
    patient,
    () => post<Taken>(path, { patient, scope }),
    async (sign, { subject, domain }) =>
      post<Taken>(path, { patient, scope, signed: await sign(narrowTypedData(domain, subject, id as GrantId, bits)) }),
  );
  if (settled.state !== 'on-chain') return settled;
  const wanted = [...(scope.classes ?? [])].sort().join();
  return inForce(patient, (held) =>
    held.some((each) => each.id === id && [...(each.classes ?? [])].sort().join() === wanted),
  );
}

export interface Delegate {
  readonly delegate: string;
  readonly until?: string;
  readonly state: 'active' | 'ended';
}

export const endDelegate = (patient: string, delegate: string): Promise<Settled> =>
  setDelegate(patient, `/api/v1/consents/delegates/${delegate}/end`, { delegate, rights: 0, until: 0 }, {});

export const delegate = (patient: string, address: string, until: string): Promise<Settled> =>
  setDelegate(
    patient,
    '/api/v1/consents/delegates',
    {
      delegate: address,
      rights: delegateRights.grant | delegateRights.withdraw,
      until: Math.floor(Date.parse(until) / 1000),
    },
    { delegate: address, rights: ['grant', 'withdraw'], until },
  );

async function setDelegate(
  patient: string,
  path: `/api/v1/${string}`,
  terms: { readonly delegate: string; readonly rights: number; readonly until: number },
  body: object,
): Promise<Settled> {
  const { settled } = await signedBy(
    patient,
    () => post<Taken>(path, { patient, ...body }),
    async (sign, { subject, domain }) => {
      const once = await nextChange(patient);
      const whole = { ...terms, ...once, subject, delegate: terms.delegate.toLowerCase() };
      return post<Taken>(path, { patient, ...body, ...once, signed: await sign(delegateTypedData(domain, whole)) });
    },
  );
  return settled;
}
