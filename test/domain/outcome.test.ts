import { describe, expect, it } from '@jest/globals';
import { operationOutcome } from '../../src/domain/outcome.ts';
import { problem } from '../../src/domain/problem.ts';

const textOf = (...expression: readonly string[]): string =>
  JSON.parse(operationOutcome(problem('query-ambiguous', { expression }))).issue[0].details.text;

describe('the sentence of a refusal', () => {
  it('names the parameter that is not taken, in an entry of a Bundle too', () => {
    expect(textOf('nosuch')).toMatch(/^nosuch is not taken here: .* mend it or leave it out\.$/);
    expect(textOf('Bundle.entry[2]', 'nosuch')).toMatch(/^nosuch is not taken here/);
  });

  it('is that of the table when only the place in the Bundle is known', () => {
    expect(textOf('Bundle.entry[2]')).toMatch(/^The request can be read in more than one way/);
  });
});
