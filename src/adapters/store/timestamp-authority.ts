import { readTimestamp, timestampFits, timestampRequest } from '../../domain/ledger/timestamp.ts';
import type { Random } from '../../ports.ts';
import { nodeHashing } from './node-hash.ts';

const TIMEOUT_MS = 20_000;
/** Tokens with certificates are a few kilobytes; anything much longer is none. */
const LONGEST = 256 * 1024;

/** A granted response of an RFC 3161 authority for these bytes, as it came. Rejects with a sentence otherwise. */
export const askTimestamp = async (url: string, bytes: Uint8Array, random: Random): Promise<Uint8Array> => {
  const digest = nodeHashing.sha256(bytes);
  const nonce = random.bytes(8);
  nonce[0] = ((nonce[0] ?? 0) & 0x7f) | 0x40;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
    body: Buffer.from(timestampRequest(digest, nonce)),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`The time stamp authority answered ${answer.status}.`);
  const response = new Uint8Array(await answer.arrayBuffer());
  const timestamp = response.length > LONGEST ? undefined : readTimestamp(response);
  if (timestamp === undefined) throw new Error('The time stamp authority granted no token.');
  if (!timestampFits(timestamp, digest, nonce)) throw new Error('The token is for something else than was asked.');
  return response;
};
