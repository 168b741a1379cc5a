import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KIND } from '../../../src/domain/json/tape.ts';
import { ByteMemo } from '../../../src/domain/masking/byte-memo.ts';
import { CompiledPlan } from '../../../src/domain/masking/compile.ts';
import { KeyTable } from '../../../src/domain/masking/key-table.ts';
import { bytesOf, tapeOf } from '../json/documents.ts';

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'A', '_'), maxLength: 18 });

describe('names and strings looked up by their bytes', () => {
  it('a table of names gives what a map of strings gives, also of names that differ in one byte', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          letters.filter((name) => name !== ''),
          { maxLength: 60 },
        ),
        fc.array(letters),
        (names, asked) => {
          const table = new KeyTable<string>();
          for (const name of names) table.set(name, name);
          for (const name of [...names, ...asked, ...names, ...[...names].reverse()]) {
            const bytes = bytesOf(`{"${name}":1}`);
            const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
            const expected = names.includes(name) ? name : undefined;
            expect(table.find(view, 2, 2 + name.length)).toBe(expected);
            expect(table.named(name)).toBe(expected);
          }
        },
      ),
    );
  });

  it('a memo gives for each string what is made of that string, however many share its slots', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(letters, fc.string({ maxLength: 200 })), { maxLength: 80 }), (texts) => {
        const memo = new ByteMemo((text) => `made of ${text}`, 4);
        const tape = tapeOf(JSON.stringify([...texts, ...texts]));
        for (let node = 1; node < tape.length; node += 1) {
          if (tape.kind[node] !== KIND.string) continue;
          const text = texts[(node - 1) % texts.length];
          expect(memo.of(tape, node)).toBe(`made of ${text}`);
          expect(memo.of(tape, node)).toBe(`made of ${text}`);
        }
      }),
    );
  });

  it('a plan takes each key from the context of the call, and derives it for its project', () => {
    const plan = new CompiledPlan('p', 'one', []);
    const keyOf = (byte: number) => new Uint8Array(32).fill(byte);
    const [a, b, c] = [keyOf(1), keyOf(2), keyOf(3)];
    const asOf = '2026-11-22';
    const first = { asOf, key: (name: string) => (name === 'pseudonym' ? a : b) };
    const second = { asOf, key: (name: string) => (name === 'pseudonym' ? a : c) };
    const pseudonym = plan.keysOf(first).of('pseudonym', first);
    expect(plan.keysOf(second).of('pseudonym', second)).toEqual(pseudonym);
    const hash = plan.keysOf(second).of('hash', second);
    expect(plan.keysOf(first).of('hash', first)).not.toEqual(hash);
    expect(plan.keysOf(second).of('hash', second)).toEqual(hash);
    expect(new CompiledPlan('p', 'two', []).keysOf(second).of('hash', second)).not.toEqual(hash);
  });
});
