import type { GrantWords } from '../../../src/domain/consent/draft.ts';
import type { GranteeKind } from '../../../src/domain/consent/grant.ts';
import { narrowTypedData, revokeTypedData, type TypedData } from '../../../src/domain/consent/typed-data.ts';
import { ApiError, call } from '../api.ts';
import { signTyped, walletHere } from './wallet.ts';

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
  readonly what: 'registered' | 'granted' | 'narrowed' | 'revoked' | 'delegated' | 'chain-refused';
  readonly by: string;
  readonly grant?: string;
  readonly delegate?: string;
  readonly grantee?: { readonly kind: GranteeKind; readonly reference: string };
}

/** A grant before it is signed; what is left out does not limit, but for labels and conditions. */
export type Draft = Omit<GrantWords, 'effect'> & {
  readonly effect?: 'permit' | 'deny';
  readonly grantee: { readonly kind: GranteeKind; readonly reference: string };
};

export interface Settled {
  readonly state: 'on-chain' | 'on-its-way' | 'refused';
  readonly reason?: string;
}

/** `GET /api/v1/consents/signing`: what is signed with a wallet names the patient as the registry does. */
interface Signing {
  readonly subject: string;
  readonly domain: TypedData['domain'];
}

interface Granted {
  readonly granted: readonly { readonly id: string; readonly settled: Settled }[];
}

interface Prepared {
  readonly toSign: readonly { readonly terms: object; readonly deadline: number; readonly typedData: TypedData }[];
}

/** With the key that is kept for the patient when there is one; otherwise with the wallet in this browser, if it has one. */
async function signedEitherWay<T>(kept: () => Promise<T>, wallet: () => Promise<T>): Promise<T> {
  try {
    return await kept();
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'consent-unsigned') || !walletHere()) throw error;
    return wallet();
  }
}

const post = async <T>(path: `/api/v1/${string}`, body: object): Promise<T> =>
  (await call<T>(path, { method: 'POST', body })).body;

export async function grant(patient: string, grants: readonly Draft[]): Promise<Settled> {
  const { granted } = await signedEitherWay(
    () => post<Granted>('/api/v1/consents', { patient, grants }),
    async () => {
      const { toSign } = await post<Prepared>('/api/v1/consents/prepare', { patient, grants });
      const signed = [];
      for (const { terms, deadline, typedData } of toSign)
        signed.push({ terms, deadline, ...(await signTyped(typedData)) });
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

const signing = async (patient: string): Promise<Signing> =>
  (await call<Signing>(`/api/v1/consents/signing?patient=${patient}`)).body;

export async function revoke(patient: string, id: string): Promise<Settled> {
  const path = `/api/v1/consents/${id}/revoke` as const;
  const { settled } = await signedEitherWay(
    () => post<{ readonly settled: Settled }>(path, { patient }),
    async () => {
      const { subject, domain } = await signing(patient);
      return post(path, { patient, signed: await signTyped(revokeTypedData(domain, subject as never, id as never)) });
    },
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
  const { settled } = await signedEitherWay(
    () => post<{ readonly settled: Settled }>(path, { patient, scope }),
    async () => {
      const { subject, domain } = await signing(patient);
      const data = narrowTypedData(domain, subject as never, id as never, bits);
      return post(path, { patient, scope, signed: await signTyped(data) });
    },
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

export const endDelegate = async (patient: string, address: string): Promise<Settled> =>
  (await post<{ readonly settled: Settled }>(`/api/v1/consents/delegates/${address}/end`, { patient })).settled;

export const delegate = async (patient: string, address: string, until: string): Promise<Settled> =>
  (
    await post<{ readonly settled: Settled }>('/api/v1/consents/delegates', {
      patient,
      delegate: address,
      rights: ['grant', 'withdraw'],
      until,
    })
  ).settled;
