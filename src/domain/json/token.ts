import { BYTE, escapeLength, sequenceLength, stringStop } from './bytes.ts';
import type { JsonFaultCode } from './fault.ts';

/** What the last token read had to say beside its end; one object for all, so that reading a token allocates nothing. */
export const token: { escaped: boolean; fault: JsonFaultCode; offset: number } = {
  escaped: false,
  fault: 'syntax',
  offset: 0,
};

const fault = (code: JsonFaultCode, offset: number): -1 => {
  token.fault = code;
  token.offset = offset;
  return -1;
};

/** First offset from `at` that holds no white space. */
export const skipSpace = (bytes: Uint8Array, view: DataView, from: number): number => {
  const size = bytes.length;
  const lastWord = size - 4;
  let at = from;
  for (;;) {
    const byte = at < size ? (bytes[at] as number) : 0;
    if (byte !== BYTE.space && byte !== BYTE.newline && byte !== BYTE.return && byte !== BYTE.tab) return at;
    at += 1;
    while (at <= lastWord && view.getInt32(at, true) === 0x20202020) at += 4;
  }
};

/** Offset after the string whose opening quote is at `from`, or -1 with the fault in `token`. */
export const stringEnd = (bytes: Uint8Array, view: DataView, from: number): number => {
  const size = bytes.length;
  const lastWord = size - 4;
  let at = from + 1;
  token.escaped = false;
  for (;;) {
    // Four bytes at a time while none of them is a quote, a backslash, a control character or beyond ASCII.
    while (at <= lastWord) {
      const word = view.getInt32(at, true);
      const quotes = word ^ 0x22222222;
      const slashes = word ^ 0x5c5c5c5c;
      const stop = ((quotes - 0x01010101) & ~quotes) | ((slashes - 0x01010101) & ~slashes) | (word - 0x20202020) | word;
      if ((stop & 0x80808080) !== 0) break;
      at += 4;
    }
    while (at < size && stringStop[bytes[at] as number] === 0) at += 1;
    if (at >= size) return fault('truncated', size);
    const byte = bytes[at] as number;
    if (byte === BYTE.quote) return at + 1;
    if (byte === BYTE.backslash) {
      const length = escapeLength(bytes, at);
      if (typeof length === 'string') return fault(length, at);
      token.escaped = true;
      at += length;
    } else if (byte < 0x20) {
      return fault('control', at);
    } else {
      const length = sequenceLength(bytes, at);
      if (length === 0) return fault('utf8', at);
      at += length;
    }
  }
};

const afterDigits = (bytes: Uint8Array, from: number): number => {
  const size = bytes.length;
  let at = from;
  while (at < size) {
    const byte = bytes[at] as number;
    if (byte < BYTE.zero || byte > BYTE.nine) break;
    at += 1;
  }
  return at;
};

/** Offset after the number at `from` (RFC 8259, section 6), or -1 with the fault in `token`. */
export const numberEnd = (bytes: Uint8Array, from: number): number => {
  const size = bytes.length;
  let at = bytes[from] === BYTE.minus ? from + 1 : from;
  const whole = afterDigits(bytes, at);
  if (whole === at || (whole > at + 1 && bytes[at] === BYTE.zero)) return fault('number', at);
  at = whole;
  if (at < size && bytes[at] === BYTE.dot) {
    const fraction = afterDigits(bytes, at + 1);
    if (fraction === at + 1) return fault('number', fraction);
    at = fraction;
  }
  if (at < size && ((bytes[at] as number) | 0x20) === 0x65) {
    at += 1;
    if (at < size && (bytes[at] === BYTE.plus || bytes[at] === BYTE.minus)) at += 1;
    const exponent = afterDigits(bytes, at);
    if (exponent === at) return fault('number', at);
    at = exponent;
  }
  return at;
};
