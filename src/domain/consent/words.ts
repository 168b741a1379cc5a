/** 32 bytes as eight 32-bit words, most significant first: what a million of them are kept as. */
export const wordCount = 8;

export function wordsOf(hex: string, to: Uint32Array = new Uint32Array(wordCount), at = 0): Uint32Array {
  for (let n = 0; n < wordCount; n++) to[at + n] = Number.parseInt(hex.slice(2 + n * 8, 10 + n * 8), 16);
  return to;
}

const digits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const codes: number[] = Array.from('0x'.padEnd(66, '0'), (digit) => digit.charCodeAt(0));

/** 0x and 64 hex digits. */
export function hexOf(words: Uint32Array, at: number): string {
  for (let n = 0; n < wordCount; n++) {
    const word = words[at + n] ?? 0;
    for (let digit = 0; digit < 8; digit++) {
      codes[2 + n * 8 + digit] = digits[(word >>> (28 - digit * 4)) & 15] ?? 0;
    }
  }
  return String.fromCharCode.apply(null, codes);
}

export function sameWords(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
  for (let n = 0; n < wordCount; n++) if (a[atA + n] !== b[atB + n]) return false;
  return true;
}
