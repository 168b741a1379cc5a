import { is, text } from '../json/cursor.ts';
import type { Tape } from '../json/tape.ts';

/** Codes of one system. `F32*` stands for every code that begins with `F32`. */
export interface SystemCodes {
  readonly system: string;
  readonly codes: readonly string[];
}

/** What codes and resource types say about a resource: bits of classes, bits of labels. */
export interface ValueSet {
  readonly id: string;
  readonly classes: number;
  readonly labels: number;
  /** Every resource of these types, whatever its codes. */
  readonly types: readonly string[];
  /** The types in which the codes count; empty: all. */
  readonly only: readonly string[];
  readonly codes: readonly SystemCodes[];
}

export interface CodeHit {
  readonly set: string;
  readonly classes: number;
  readonly labels: number;
  readonly only: ReadonlySet<string> | undefined;
}

interface SystemEntry {
  readonly system: string;
  readonly exact: Map<number, { readonly code: string; readonly hits: CodeHit[] }[]>;
  readonly prefixes: Map<string, CodeHit[]>;
}

const backslash = 0x5c;
/** What a string with an escape hashes to: only its text can tell. */
const escaped = -1;

/** FNV-1a of a string's bytes between its quotes. Only a filter: a match is confirmed on the text. */
const hashBytes = (bytes: Uint8Array, from: number, to: number): number => {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number;
    if (byte === backslash) return escaped;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
};

const encoder = new TextEncoder();
const hashText = (value: string): number => {
  const bytes = encoder.encode(value);
  return hashBytes(bytes, 0, bytes.length);
};

const none: readonly CodeHit[] = [];

/** All value sets as one index: a code costs two hashes and no string unless it is a hit. */
export interface CodeIndex {
  /** `system` and `code` are string nodes of a Coding. */
  find(tape: Tape, system: number, code: number): readonly CodeHit[];
  findText(system: string, code: string): readonly CodeHit[];
}

const hitsAt = (entry: SystemEntry, code: string): CodeHit[] => {
  const hash = hashText(code);
  const bucket = entry.exact.get(hash) ?? [];
  if (bucket.length === 0) entry.exact.set(hash, bucket);
  const known = bucket.find((one) => one.code === code);
  if (known !== undefined) return known.hits;
  const hits: CodeHit[] = [];
  bucket.push({ code, hits });
  return hits;
};

const prefixHits = (entry: SystemEntry, code: string): readonly CodeHit[] => {
  let found: CodeHit[] | undefined;
  for (let length = 1; length <= code.length; length += 1) {
    const hits = entry.prefixes.get(code.slice(0, length));
    if (hits !== undefined) found = found === undefined ? hits : [...found, ...hits];
  }
  return found ?? none;
};

export const codeIndex = (sets: readonly ValueSet[]): CodeIndex => {
  const systems = new Map<number, SystemEntry[]>();
  const entryOf = (system: string): SystemEntry => {
    const hash = hashText(system);
    const bucket = systems.get(hash) ?? [];
    if (bucket.length === 0) systems.set(hash, bucket);
    const known = bucket.find((one) => one.system === system);
    if (known !== undefined) return known;
    const entry = { system, exact: new Map(), prefixes: new Map() };
    bucket.push(entry);
    return entry;
  };
  for (const set of sets) {
    const only = set.only.length === 0 ? undefined : new Set(set.only);
    const hit: CodeHit = { set: set.id, classes: set.classes, labels: set.labels, only };
    for (const { system, codes } of set.codes) {
      const entry = entryOf(system);
      for (const code of codes) {
        if (!code.endsWith('*')) hitsAt(entry, code).push(hit);
        else {
          const prefix = code.slice(0, -1);
          entry.prefixes.set(prefix, [...(entry.prefixes.get(prefix) ?? []), hit]);
        }
      }
    }
  }
  const findText = (system: string, code: string): readonly CodeHit[] => {
    const entry = systems.get(hashText(system))?.find((one) => one.system === system);
    if (entry === undefined) return none;
    const exact = entry.exact.get(hashText(code))?.find((one) => one.code === code)?.hits ?? none;
    const prefixed = entry.prefixes.size === 0 ? none : prefixHits(entry, code);
    return prefixed.length === 0 ? exact : [...exact, ...prefixed];
  };
  return {
    findText,
    find(tape, system, code) {
      const { bytes, start, end } = tape;
      const systemHash = hashBytes(bytes, (start[system] as number) + 1, (end[system] as number) - 1);
      if (systemHash === escaped) return findText(text(tape, system), text(tape, code));
      const entry = systems.get(systemHash)?.find((one) => is(tape, system, one.system));
      if (entry === undefined) return none;
      const codeHash = hashBytes(bytes, (start[code] as number) + 1, (end[code] as number) - 1);
      if (entry.prefixes.size > 0 || codeHash === escaped) return findText(entry.system, text(tape, code));
      return entry.exact.get(codeHash)?.find((one) => is(tape, code, one.code))?.hits ?? none;
    },
  };
};
