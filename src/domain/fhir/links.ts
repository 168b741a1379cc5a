import { is, text } from '../json/cursor.ts';
import { replaceNode } from '../json/splice.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { Splice } from '../masking/plan.ts';
import { type Bases, underUpstream } from './references.ts';
import { isUrlElement } from './url-elements.ts';

const BACKSLASH = 0x5c;

/**
 * The splices that move links from the upstream's base to the gateway's: references, fullUrls, Bundle links, response
 * locations and elements that FHIR types as url. Text is never searched: a note, a narrative or an identifier system
 * that quotes the address stays as it is. For requests give the bases the other way round.
 */
export const anchorLinks = (tape: Tape, node: number, bases: Bases): Splice[] => {
  if (bases.upstreamBase === bases.gatewayBase) return [];
  const { bytes, kind, start, next } = tape;
  const hosts = [bases.upstreamBase, ...(bases.upstreamAliases ?? [])].map(hostOf);
  const splices: Splice[] = [];
  const past = next[node] as number;
  /** The objects and arrays around the key, innermost last. */
  const open: number[] = [];
  for (let at = node; at < past; at += 1) {
    const what = kind[at];
    if (what === KIND.object || what === KIND.array) {
      while (open.length > 0 && (next[open[open.length - 1] as number] as number) <= at) open.pop();
      open.push(at);
      continue;
    }
    if (what !== KIND.string) continue;
    if (!hosts.some((host) => mayBeAt(bytes, (start[at] as number) + 1, host))) continue;
    while (open.length > 0 && (next[open[open.length - 1] as number] as number) <= at) open.pop();
    const key = keyOf(tape, node, open, at);
    if (key < 0 || !isLink(tape, key, parentName(tape, node, open, at))) continue;
    const rest = underUpstream(text(tape, at), bases);
    if (rest !== undefined) splices.push(replaceNode(tape, at, JSON.stringify(bases.gatewayBase + rest)));
  }
  return splices;
};

/** Scheme and host in lower case, without the port. */
const hostOf = (base: string): string => /^[a-z]+:\/\/[^/:?#]*/i.exec(base)?.[0].toLowerCase() ?? base.toLowerCase();

/** False when the string begins otherwise: told from its first bytes, for most strings that hold a URL are not links. */
const mayBeAt = (bytes: Uint8Array, from: number, host: string): boolean => {
  for (let i = 0; i < host.length; i += 1) {
    const byte = bytes[from + i] as number;
    // An escape may hide anything.
    if (byte === BACKSLASH) return true;
    if (byte !== host.charCodeAt(i) && (byte < 0x41 || byte > 0x5a || (byte | 0x20) !== host.charCodeAt(i)))
      return false;
  }
  return true;
};

/** The key of the member that the value is, or is an element of. */
const keyOf = (tape: Tape, root: number, open: readonly number[], value: number): number => {
  const around = open[open.length - 1];
  if (around === undefined) return -1;
  const member = tape.kind[around] === KIND.array ? around : value;
  return member > root && tape.kind[member - 1] === KIND.key ? member - 1 : -1;
};

const isLink = (tape: Tape, key: number, parent: string): boolean =>
  is(tape, key, 'reference') || isUrlElement(parent, text(tape, key));

/** The name of the member whose object holds the value, '' for the resource at the top of the walk. */
const parentName = (tape: Tape, root: number, open: readonly number[], value: number): string => {
  let level = open.length - 1;
  if (level >= 0 && tape.kind[open[level] as number] === KIND.array) level -= 1;
  for (; level >= 0; level -= 1) {
    const node = open[level] as number;
    if (node > root && node !== value && tape.kind[node - 1] === KIND.key) return text(tape, node - 1);
  }
  return '';
};
