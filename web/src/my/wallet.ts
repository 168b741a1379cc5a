import type { TypedData } from '../../../src/domain/consent/typed-data.ts';

/** EIP-1193: what a wallet puts into the page. */
interface Provider {
  request(call: { readonly method: string; readonly params?: readonly unknown[] }): Promise<unknown>;
}

const provider = (): Provider | undefined => (window as { readonly ethereum?: Provider }).ethereum;

export const walletHere = (): boolean => provider() !== undefined;

/** In the form that the gateway takes. */
export interface Signed {
  readonly signer: string;
  readonly signature: string;
}

/** Nothing was signed: there is no wallet here, or the person or the device said no. */
export class SigningFailed extends Error {
  readonly by: 'no-wallet' | 'wallet' | 'passkey';

  constructor(by: SigningFailed['by']) {
    super(by);
    this.by = by;
  }
}

async function account(wallet: Provider): Promise<string> {
  const accounts = await wallet.request({ method: 'eth_requestAccounts' });
  if (!Array.isArray(accounts) || typeof accounts[0] !== 'string') throw new SigningFailed('wallet');
  return accounts[0].toLowerCase();
}

export const walletAccount = (): Promise<string> => withWallet(account);

async function withWallet<T>(use: (wallet: Provider) => Promise<T>): Promise<T> {
  const wallet = provider();
  if (wallet === undefined) throw new SigningFailed('no-wallet');
  try {
    return await use(wallet);
  } catch {
    throw new SigningFailed('wallet');
  }
}

/** The wallet shows what it signs: names and dates, in the fields of the typed data. */
export const signTyped = (data: TypedData): Promise<Signed> =>
  withWallet(async (wallet) => {
    const signer = await account(wallet);
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
    if (typeof signature !== 'string') throw new SigningFailed('wallet');
    return { signer, signature };
  });
