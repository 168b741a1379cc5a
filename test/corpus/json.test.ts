import { deepStrictEqual } from 'node:assert';
import { describe, expect, it } from '@jest/globals';
import { jcs, losslessCanonical } from '../../src/domain/json/canonical.ts';
import { toValue } from '../../src/domain/json/cursor.ts';
import { scanLines } from '../../src/domain/json/lines.ts';
import { scan } from '../../src/domain/json/scan.ts';
import { corpusFiles } from './files.ts';

const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));

describe('the JSON of the corpus', () => {
  it('has the values that JSON.parse gives, in every file', () => {
    const files = corpusFiles('.json');
    expect(files.length).toBeGreaterThan(300);
    for (const file of files) {
      const bytes = file.read();
      const outcome = scan(bytes);
      if (!outcome.ok) throw new Error(`${file.name}: ${outcome.fault.code} at ${outcome.fault.offset}`);
      // node:assert, because expect takes minutes to compare documents of this size.
      deepStrictEqual(toValue(outcome.tape, 0), parse(bytes));
      deepStrictEqual(JSON.parse(losslessCanonical(outcome.tape)), parse(bytes));
    }
  });

  it('has the lines that JSON.parse gives, in every NDJSON file', async () => {
    const files = corpusFiles('.ndjson');
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const bytes = file.read();
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536));
      const values: unknown[] = [];
      for await (const outcome of scanLines(chunks)) {
        if (!outcome.ok) throw new Error(`${file.name}: ${outcome.fault.code} at ${outcome.fault.offset}`);
        values.push(toValue(outcome.tape, 0));
      }
      const lines = new TextDecoder()
        .decode(bytes)
        .split('\n')
        .filter((line) => line.trim() !== '');
      deepStrictEqual(
        values,
        lines.map((line) => JSON.parse(line)),
      );
    }
  });
});

describe('RFC 8785', () => {
  const outputs = new Map(corpusFiles('.json', 'jcs/output').map((file) => [file.name, file]));

  it.each(corpusFiles('.json', 'jcs/input').map((file) => [file.name, file] as const))('%s', (name, file) => {
    const outcome = scan(file.read());
    if (!outcome.ok) throw new Error(outcome.fault.code);
    const expected = outputs.get(name);
    expect(jcs(outcome.tape)).toBe(new TextDecoder().decode(expected?.read()));
  });

  it('numbers: ten thousand doubles have the text the vectors give', () => {
    const [numbers] = corpusFiles('es6-numbers-10000.txt', 'jcs');
    const double = new DataView(new ArrayBuffer(8));
    const lines = new TextDecoder().decode(numbers?.read()).trim().split('\n');
    expect(lines.length).toBe(10_000);
    for (const line of lines) {
      const [hex = '', expected] = line.split(',');
      double.setBigUint64(0, BigInt(`0x${hex}`));
      // 17 digits name every double exactly, in a spelling that is not the canonical one.
      const outcome = scan(new TextEncoder().encode(double.getFloat64(0).toExponential(17).replace('e+', 'E')));
      if (!outcome.ok) throw new Error(`${line}: ${outcome.fault.code}`);
      expect(jcs(outcome.tape)).toBe(expected);
    }
  });
});
