import { describe, expect, it } from '@jest/globals';
import { Interface, Transaction, Wallet } from 'ethers';
import fc from 'fast-check';
import { encodeBatch, signTransaction } from '../../../src/adapters/chain/transaction.ts';

const key = `0x${'4'.repeat(64)}`;
const hex = (max: number) =>
  fc.uint8Array({ maxLength: max }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`);

describe('a transaction', () => {
  it('is signed to the same bytes as by the client library', async () => {
    const fee = fc.bigInt({ min: 0n, max: 2n ** 70n });
    const transactions = fc.record({
      chainId: fc.integer({ min: 1, max: 2 ** 40 }),
      nonce: fc.nat(),
      maxPriorityFeePerGas: fee,
      maxFeePerGas: fee,
      gasLimit: fc.nat(),
      to: fc.option(
        fc.uint8Array({ minLength: 20, maxLength: 20 }).map((b) => `0x${Buffer.from(b).toString('hex')}`),
        {
          nil: undefined,
        },
      ),
      data: hex(400),
    });
    const wallet = new Wallet(key);
    await fc.assert(
      fc.asyncProperty(transactions, async (tx) => {
        fc.pre(tx.maxPriorityFeePerGas <= tx.maxFeePerGas);
        const { raw, hash } = signTransaction(tx, key);
        const expected = await wallet.signTransaction(Transaction.from({ ...tx, to: tx.to ?? null, type: 2 }));
        expect(raw).toBe(expected);
        expect(hash).toBe(Transaction.from(raw).hash);
      }),
      { numRuns: 60 },
    );
  });

  it('holds a batch as the contract reads it', () => {
    const abi = new Interface(['function batch(bytes[] calls)']);
    fc.assert(
      fc.property(fc.array(hex(120), { maxLength: 6 }), (calls) => {
        const selector = abi.getFunction('batch')?.selector ?? '';
        expect(encodeBatch(selector, calls)).toBe(abi.encodeFunctionData('batch', [calls]));
      }),
    );
  });
});
