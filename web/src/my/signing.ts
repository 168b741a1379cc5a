import type { SubjectKey } from '../../../src/domain/consent/grant.ts';
import { controllerOfKey, passkeySigner } from '../../../src/domain/consent/passkey.ts';
import { rebindTypedData, type TypedData } from '../../../src/domain/consent/typed-data.ts';
import { fromHex } from '../../../src/domain/ledger/base64.ts';
import { ApiError, call } from '../api.ts';
import { nextChange, post, type Settled } from './desk.ts';
import { type NewPasskey, signWithPasskey } from './passkey.ts';
import { type Signed, signTyped } from './wallet.ts';

/** `GET /api/v1/consents/signing`. `key` is missing for those who act for somebody: they sign with a wallet of their own. */
export interface Signing {
  readonly subject: SubjectKey;
  readonly domain: TypedData['domain'];
  readonly key?:
    | { readonly how: 'kept' }
    | { readonly how: 'wallet'; readonly controller: string }
    | { readonly how: 'passkey'; readonly signer: string; readonly credential: string };
  readonly nextKept?: string;
  readonly passkeyVerifier?: string;
}

export const signingPath = (patient: string) => `/api/v1/consents/signing?patient=${patient}` as const;

/** Undefined before the patient's first choice: the key that the gateway keeps signs that. */
const signingOf = async (patient: string): Promise<Signing | undefined> => {
  try {
    return (await call<Signing>(signingPath(patient))).body;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
};

type Sign = (data: TypedData) => Promise<Signed>;

/** By the key that the gateway keeps, which signs there; or here, by a passkey or a wallet. */
export async function signedBy<T>(
  patient: string,
  kept: () => Promise<T>,
  here: (sign: Sign, signing: Signing) => Promise<T>,
): Promise<T> {
  const signing = await signingOf(patient);
  const { key } = signing ?? { key: { how: 'kept' } };
  if (signing === undefined || key?.how === 'kept') return kept();
  return here(key?.how === 'passkey' ? (data) => signWithPasskey(data, key) : signTyped, signing);
}

export type KeyChoice =
  | { readonly how: 'kept' }
  | { readonly how: 'wallet'; readonly account: string }
  | ({ readonly how: 'passkey' } & NewPasskey);

/** Another key from then on; the present one signs that. Told as done once the gateway has read it back. */
export async function moveKey(patient: string, to: KeyChoice): Promise<Settled> {
  const path = '/api/v1/consents/key/move';
  const { settled } = await signedBy(
    patient,
    () => post<{ readonly settled: Settled }>(path, { patient, to }),
    async (sign, signing) => {
      const once = await nextChange(patient);
      const controller = controllerFor(signing, to);
      const data = rebindTypedData(signing.domain, { subject: signing.subject, controller, ...once });
      return post(path, { patient, to, ...once, signed: await sign(data) });
    },
  );
  if (settled.state !== 'on-chain') return settled;
  for (let tries = 0; tries < 25; tries++) {
    if (isChosen(await signingOf(patient), to)) return settled;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { state: 'on-its-way' };
}

function controllerFor({ nextKept, passkeyVerifier = '' }: Signing, to: KeyChoice): string {
  switch (to.how) {
    case 'kept':
      return nextKept ?? '';
    case 'wallet':
      return to.account;
    case 'passkey':
      return controllerOfKey(passkeySigner(passkeyVerifier, fromHex(to.point.slice(2)) ?? new Uint8Array())) ?? '';
  }
}

const isChosen = (signing: Signing | undefined, to: KeyChoice): boolean => {
  const key = signing?.key;
  if (key?.how !== to.how) return false;
  if (key.how === 'passkey') return to.how === 'passkey' && key.credential === to.credential;
  return key.how === 'kept' || (to.how === 'wallet' && key.controller === to.account);
};
