import { call } from '../api.ts';

/** How far a change has come on its way to where it counts. */
export interface Settled {
  readonly state: 'on-chain' | 'on-its-way' | 'refused';
  readonly reason?: string;
}

export const post = async <T>(path: `/api/v1/${string}`, body: object): Promise<T> =>
  (await call<T>(path, { method: 'POST', body })).body;

/** What makes a signed delegation or move count once, and soon. */
export async function nextChange(patient: string): Promise<{ readonly nonce: string; readonly deadline: number }> {
  const { body } = await call<{ readonly nonce: string }>(`/api/v1/consents/nonce?patient=${patient}`);
  return { nonce: body.nonce, deadline: Math.floor(Date.now() / 1000) + 600 };
}
