import type { TypedData } from '../../../src/domain/consent/typed-data.ts';

/** EIP-1193: what a wallet puts into the page. */
interface Provider {
  request(call: { readonly method: string; readonly params?: readonly unknown[] }): Promise<unknown>;
}

const provider = (): Provider | undefined => (window as { readonly ethereum?: Provider }).ethereum;

export const walletHere = (): boolean => provider() !== undefined;

export class WalletRefused extends Error {}

/** The wallet shows what it signs: names and dates, in the fields of the typed data. */
export async function signTyped(data: TypedData): Promise<{ readonly signer: string; readonly signature: string }> {
  const wallet = provider();
  if (wallet === undefined) throw new WalletRefused();
  try {
    const accounts = await wallet.request({ method: 'eth_requestAccounts' });
    const signer = Array.isArray(accounts) && typeof accounts[0] === 'string' ? accounts[0] : undefined;
    if (signer === undefined) throw new WalletRefused();
    const types = {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        { name: 'chainId', type: 'uint256' },
        { name: 'verifyingContract', type: 'address' },
      ],
      ...data.types,
    };
    const signature = await wallet.request({
      method: 'eth_signTypedData_v4',
      params: [signer, JSON.stringify({ ...data, types })],
    });
    if (typeof signature !== 'string') throw new WalletRefused();
    return { signer, signature };
  } catch {
    throw new WalletRefused();
  }
}
