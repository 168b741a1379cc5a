import { concat, equalBytes } from './hash.ts';

/** RFC 3161: the request for a time stamp on a SHA-256 digest, and what a token says. Just enough DER for both. */
interface Element {
  readonly tag: number;
  readonly body: Uint8Array;
  /** Where the next element of the same list begins. */
  readonly end: number;
}

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octets: 0x04,
  oid: 0x06,
  sequence: 0x30,
  time: 0x18,
  context0: 0xa0,
} as const;
const SHA256 = Uint8Array.of(0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01);
const SIGNED_DATA = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02);
const TST_INFO = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04);
const NULL = Uint8Array.of(0x05, 0x00);

const der = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const body = concat(...parts);
  if (body.length > 127) throw new RangeError('a request is never that long');
  return concat(Uint8Array.of(tag, body.length), body);
};

/** A positive INTEGER. */
const integer = (bytes: Uint8Array): Uint8Array =>
  der(TAG.integer, (bytes[0] ?? 0) > 127 ? concat(Uint8Array.of(0), bytes) : bytes);

/** `nonce`: 8 random bytes, the first of which is not 0; the token must repeat it. The certificate of the authority is asked for. */
export const timestampRequest = (digest: Uint8Array, nonce: Uint8Array): Uint8Array =>
  der(
    TAG.sequence,
    integer(Uint8Array.of(1)),
    der(TAG.sequence, der(TAG.sequence, SHA256, NULL), der(TAG.octets, digest)),
    integer(nonce),
    der(TAG.boolean, Uint8Array.of(0xff)),
  );

const elementAt = (bytes: Uint8Array, at: number): Element | undefined => {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  let length = first;
  let start = at + 2;
  if (first > 0x80) {
    const count = first & 0x7f;
    if (count > 4) return undefined;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
    start += count;
  } else if (first === 0x80) return undefined;
  const end = start + length;
  return end > bytes.length ? undefined : { tag, body: bytes.subarray(start, end), end };
};

const listOf = (bytes: Uint8Array): readonly Element[] | undefined => {
  const list: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at);
    if (element === undefined) return undefined;
    list.push(element);
    at = element.end;
  }
  return list;
};

const inside = (element: Element | undefined, tag: number): readonly Element[] | undefined =>
  element?.tag === tag ? listOf(element.body) : undefined;

export interface Timestamp {
  readonly digest: Uint8Array;
  readonly nonce: Uint8Array | undefined;
  /** As the authority wrote it: `20261122210000Z`. */
  readonly time: string;
}

const unsigned = (body: Uint8Array): Uint8Array => (body[0] === 0 && body.length > 1 ? body.subarray(1) : body);

const tokenInfo = (token: Element | undefined): Timestamp | undefined => {
  const [type, content] = inside(token, TAG.sequence) ?? [];
  const [signedData] = inside(content, TAG.context0) ?? [];
  if (type === undefined || !equalBytes(type.body, SIGNED_DATA)) return undefined;
  const encapsulated = inside(signedData, TAG.sequence)?.[2];
  const [contentType, wrapped] = inside(encapsulated, TAG.sequence) ?? [];
  const [octets] = inside(wrapped, TAG.context0) ?? [];
  if (contentType === undefined || !equalBytes(contentType.body, TST_INFO) || octets?.tag !== TAG.octets)
    return undefined;
  const info = elementAt(octets.body, 0);
  const [, , imprint, , time, ...more] = inside(info, TAG.sequence) ?? [];
  const [algorithm, digest] = inside(imprint, TAG.sequence) ?? [];
  if (algorithm === undefined || digest?.tag !== TAG.octets || time?.tag !== TAG.time) return undefined;
  if (!equalBytes(algorithm.body.subarray(0, SHA256.length), SHA256)) return undefined;
  const nonce = more.find(({ tag }) => tag === TAG.integer);
  return {
    digest: digest.body,
    nonce: nonce && unsigned(nonce.body),
    time: new TextDecoder('latin1').decode(time.body),
  };
};

/** What a granted response says; `undefined` when it was refused or is none. Its signature is for whoever trusts the authority to verify. */
export const readTimestamp = (response: Uint8Array): Timestamp | undefined => {
  const [status, token] = inside(elementAt(response, 0), TAG.sequence) ?? [];
  const [granted] = inside(status, TAG.sequence) ?? [];
  const code = granted?.tag === TAG.integer && granted.body.length === 1 ? granted.body[0] : undefined;
  return code === 0 || code === 1 ? tokenInfo(token) : undefined;
};

/** The token is for this digest and answers this request. */
export const timestampFits = (timestamp: Timestamp, digest: Uint8Array, nonce: Uint8Array): boolean =>
  equalBytes(timestamp.digest, digest) && timestamp.nonce !== undefined && equalBytes(timestamp.nonce, nonce);
