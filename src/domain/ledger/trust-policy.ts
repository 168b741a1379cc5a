import type { Hashing } from './hash.ts';
import { parseVerifierKey, signatureType, type VerifierKey } from './note.ts';

/** C2SP tlog-policy: which logs are trusted, and how many witnesses must have seen what they signed. */
export interface TrustPolicy {
  readonly logs: readonly VerifierKey[];
  readonly witnesses: readonly { readonly name: string; readonly key: VerifierKey; readonly url?: string }[];
  /** Given the keys that signed, whether enough did. */
  satisfied(signed: (key: VerifierKey) => boolean): boolean;
}

type Member = (signed: (key: VerifierKey) => boolean) => boolean;

/** Tab and the printable octets are allowed. */
const CONTROL = /[^\t\x20-\x7e\x80-\uffff]/;

const hexOf = (bytes: Uint8Array): string => bytes.join(',');

/** The policy, or the line and the fault that keep it from being one. */
export const parseTrustPolicy = (
  hashing: Hashing,
  text: string,
): TrustPolicy | { readonly line: number; readonly fault: string } => {
  const logs: VerifierKey[] = [];
  const witnesses: { name: string; key: VerifierKey; url?: string }[] = [];
  const members = new Map<string, Member>();
  const grouped = new Set<string>();
  const keys = new Set<string>();
  let quorum: Member | undefined;
  const lines = text.split('\n');
  for (const [i, raw] of lines.entries()) {
    const at = i + 1;
    const no = (fault: string) => ({ line: at, fault });
    if (CONTROL.test(raw)) return no('a control character');
    const words = raw.split(/[ \t]+/).filter((word) => word !== '');
    const [keyword, ...rest] = words;
    if (keyword === undefined || keyword.startsWith('#')) continue;
    if (keyword === 'log') {
      const [vkey, , ...more] = rest;
      const key = vkey === undefined ? undefined : parseVerifierKey(hashing, vkey);
      if (key === undefined || more.length > 0) return no('a log needs a verifier key and at most a URL');
      if (keys.has(`log ${hexOf(key.publicKey)}`)) return no('this log is listed twice');
      keys.add(`log ${hexOf(key.publicKey)}`);
      logs.push(key);
    } else if (keyword === 'witness') {
      const [name, vkey, url, ...more] = rest;
      const key = vkey === undefined ? undefined : parseVerifierKey(hashing, vkey);
      if (name === undefined || key === undefined || more.length > 0)
        return no('a witness needs a name, a verifier key and at most a URL');
      if (key.type === signatureType.ed25519) return no('the key of a witness must be one for cosignatures');
      if (name === 'none' || members.has(name)) return no('the name is taken');
      if (keys.has(`witness ${hexOf(key.publicKey)}`)) return no('this witness is listed twice');
      keys.add(`witness ${hexOf(key.publicKey)}`);
      witnesses.push({ name, key, ...(url === undefined ? {} : { url }) });
      members.set(name, (signed) => signed(key));
    } else if (keyword === 'group') {
      const [name, threshold, ...names] = rest;
      if (name === undefined || threshold === undefined || names.length === 0)
        return no('a group needs a name, a threshold and members');
      if (name === 'none' || members.has(name)) return no('the name is taken');
      const parts: Member[] = [];
      for (const member of names) {
        const part = members.get(member);
        if (part === undefined) return no('a member is not defined above');
        if (grouped.has(member)) return no('a member belongs to a group already');
        grouped.add(member);
        parts.push(part);
      }
      const k =
        threshold === 'all'
          ? parts.length
          : threshold === 'any'
            ? 1
            : /^[1-9][0-9]*$/.test(threshold)
              ? Number(threshold)
              : 0;
      if (k < 1 || k > parts.length) return no('the threshold is not between 1 and the number of members');
      members.set(name, (signed) => parts.filter((part) => part(signed)).length >= k);
    } else if (keyword === 'quorum') {
      const [name, ...more] = rest;
      if (quorum !== undefined) return no('a second quorum line');
      quorum = name === 'none' ? () => true : members.get(name ?? '');
      if (quorum === undefined || more.length > 0) return no('the quorum is not a name defined above');
    } else return no('an unknown keyword');
  }
  if (quorum === undefined) return { line: lines.length, fault: 'there is no quorum line' };
  return { logs, witnesses, satisfied: quorum };
};
