import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The masking keys that the gateway keeps itself: the one in use in `masking.key`, those before it in `masking.former`. */
export interface KeyRing {
  /** The one in use first. */
  all(): readonly Uint8Array[];
  rotate(): Uint8Array;
  /** False: it is there. */
  add(key: Uint8Array): boolean;
  /** The place of a former key in `all`. */
  retire(at: number): void;
}

const keyIn = (line: string, path: string): Uint8Array => {
  if (!/^[0-9a-fA-F]{64}$/.test(line)) throw new Error(`${path} must hold 32 bytes in hex on each line.`);
  return new Uint8Array(Buffer.from(line, 'hex'));
};
const keysIn = (path: string): readonly Uint8Array[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => keyIn(line.trim(), path))
    : [];

export function keyRing(data: string, random: (length: number) => Uint8Array): KeyRing {
  const [current, former] = [join(data, 'masking.key'), join(data, 'masking.former')];
  const write = (path: string, keys: readonly Uint8Array[]): void => {
    const text = keys.map((key) => `${Buffer.from(key).toString('hex')}\n`).join('');
    writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
  };
  const all = (): readonly Uint8Array[] => [...keysIn(current).slice(0, 1), ...keysIn(former)];
  const holds = (key: Uint8Array): boolean => all().some((each) => Buffer.from(each).equals(key));
  return {
    all,
    rotate() {
      const made = random(32);
      const [used] = keysIn(current);
      // First kept, then replaced: a stop in between leaves the key in both places, and none lost.
      if (used !== undefined) write(former, [used, ...keysIn(former).filter((key) => !Buffer.from(key).equals(used))]);
      write(current, [made]);
      return made;
    },
    add(key) {
      if (holds(key)) return false;
      write(former, [...keysIn(former), key]);
      return true;
    },
    retire(at) {
      write(
        former,
        all().filter((_, place) => place > 0 && place !== at),
      );
    },
  };
}
