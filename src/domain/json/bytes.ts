import type { JsonFaultCode } from './fault.ts';

/** Bytes that JSON gives a meaning. */
export const BYTE = {
  tab: 0x09,
  newline: 0x0a,
  return: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** Per byte: the value of a hexadecimal digit, or 255. */
const hexValue: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase());
  return digit < 0 ? 255 : digit;
});

const hexUnit = (bytes: Uint8Array, at: number): number => {
  if (at + 4 > bytes.length) return -1;
  let unit = 0;
  for (let i = at; i < at + 4; i += 1) {
    const digit = hexValue[bytes[i] as number] as number;
    if (digit > 15) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
};

/** Length of the escape at the backslash, 2, 6 or 12 (a surrogate pair); or the fault. */
export const escapeLength = (bytes: Uint8Array, at: number): number | JsonFaultCode => {
  switch (bytes[at + 1]) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: {
      const unit = hexUnit(bytes, at + 2);
      if (unit < 0) return 'syntax';
      if (unit < 0xd800 || unit > 0xdfff) return 6;
      if (unit > 0xdbff || bytes[at + 6] !== BYTE.backslash || bytes[at + 7] !== 0x75) return 'surrogate';
      const low = hexUnit(bytes, at + 8);
      return low >= 0xdc00 && low <= 0xdfff ? 12 : 'surrogate';
    }
    default:
      return 'syntax';
  }
};

/** Length of the UTF-8 sequence whose first byte is not ASCII, or 0 when it is malformed (RFC 3629, section 4). */
export const sequenceLength = (bytes: Uint8Array, at: number): number => {
  const lead = bytes[at] as number;
  const second = at + 1 < bytes.length ? (bytes[at + 1] as number) : 0;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (lead < 0xe0) return (second & 0xc0) === 0x80 ? 2 : 0;
  const third = at + 2 < bytes.length ? (bytes[at + 2] as number) : 0;
  if ((third & 0xc0) !== 0x80) return 0;
  if (lead < 0xf0) {
    const low = lead === 0xe0 ? 0xa0 : 0x80;
    const high = lead === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high ? 3 : 0;
  }
  const fourth = at + 3 < bytes.length ? (bytes[at + 3] as number) : 0;
  if ((fourth & 0xc0) !== 0x80) return 0;
  const low = lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high ? 4 : 0;
};
