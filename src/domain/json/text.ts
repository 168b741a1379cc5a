import { BYTE } from './bytes.ts';

// Without ignoreBOM the decoder drops U+FEFF at the start of a string, and one key passes for another.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes as text; the scan has made sure that they are UTF-8. */
export const decodeBytes = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Below this length building the string unit by unit beats the call to the decoder. */
const SHORT = 24;

/** The text of a scanned string; `start` and `end` take in its quotes. */
export const decodeString = (bytes: Uint8Array, start: number, end: number): string => {
  const from = start + 1;
  const to = end - 1;
  if (to - from <= SHORT) {
    let text = '';
    let at = from;
    while (at < to) {
      const byte = bytes[at] as number;
      if (byte >= 0x80 || byte === BYTE.backslash) break;
      text += String.fromCharCode(byte);
      at += 1;
    }
    if (at === to) return text;
  }
  const slash = bytes.subarray(from, to).indexOf(BYTE.backslash);
  if (slash < 0) return decodeBytes(bytes.subarray(from, to));
  // The scan has judged every escape, so this cannot throw.
  return JSON.parse(decodeBytes(bytes.subarray(start, end))) as string;
};
