import { describe, expect, it } from '@jest/globals';
import { toValue } from '../../src/domain/json/cursor.ts';
import { tapeOf } from '../domain/json/documents.ts';
import { jsonSeeds } from './json-seeds.ts';

describe('the documents that the fuzzing starts from', () => {
  it.each(jsonSeeds.map((seed) => [seed]))('%s', (seed) => {
    expect(toValue(tapeOf(seed), 0)).toEqual(JSON.parse(seed));
  });
});
