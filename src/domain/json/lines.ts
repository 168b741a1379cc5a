import { BYTE } from './bytes.ts';
import { defaultLimits, type JsonFault, type Limits } from './fault.ts';
import { type Scan, scan } from './scan.ts';

/** A line of NDJSON without its line break, or why the stream is refused from here on. */
export type Line =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly fault: JsonFault };

/**
 * Cuts a stream of chunks into lines and never holds more than one unfinished line. A line over `maxBytes` is refused
 * as soon as it is, with its offset in the stream, and ends the stream. Empty lines and a carriage return before the
 * line break are dropped. A line may be a view of its chunk: use it before the chunk's memory is used again.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes = defaultLimits.bytes,
): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let offset = 0;
  for await (const chunk of chunks) {
    let from = 0;
    while (from < chunk.length) {
      const lineBreak = chunk.indexOf(BYTE.newline, from);
      const to = lineBreak < 0 ? chunk.length : lineBreak;
      if (held + to - from > maxBytes) {
        yield { ok: false, fault: { code: 'size', offset: offset + maxBytes } };
        return;
      }
      const piece = chunk.subarray(from, to);
      if (lineBreak < 0) {
        // Kept beyond the life of its chunk, so it is copied; Buffer.slice would not.
        parts.push(new Uint8Array(piece));
        held += piece.length;
        break;
      }
      const line = withoutReturn(parts.length === 0 ? piece : joined([...parts, piece], held + piece.length));
      if (line.length > 0) yield { ok: true, bytes: line };
      offset += held + piece.length + 1;
      parts = [];
      held = 0;
      from = lineBreak + 1;
    }
  }
  const last = withoutReturn(joined(parts, held));
  if (last.length > 0) yield { ok: true, bytes: last };
}

/** The tape of each line. A line that is refused ends the stream: what follows it is not to be trusted either. */
export async function* scanLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limits: Limits = defaultLimits,
): AsyncGenerator<Scan> {
  for await (const line of splitLines(chunks, limits.bytes)) {
    const outcome: Scan = line.ok ? scan(line.bytes, limits) : line;
    yield outcome;
    if (!outcome.ok) return;
  }
}

const withoutReturn = (line: Uint8Array): Uint8Array =>
  line[line.length - 1] === BYTE.return ? line.subarray(0, -1) : line;

const joined = (parts: readonly Uint8Array[], length: number): Uint8Array => {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};
