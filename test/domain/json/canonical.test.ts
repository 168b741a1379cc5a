import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { jcs, losslessCanonical } from '../../../src/domain/json/canonical.ts';
import { tapeOf } from './documents.ts';

describe('the canonical forms', () => {
  it('agree with RFC 8785 on its own example', () => {
    const tape = tapeOf(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    );
    expect(jcs(tape)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sort members by UTF-16 units', () => {
    expect(jcs(tapeOf('{"\ufb33":1,"😀":2,"\u20ac":3,"1":4,"\\r":5,"ö":6}'))).toBe(
      '{"\\r":5,"1":4,"ö":6,"€":3,"😀":2,"\ufb33":1}',
    );
  });

  it('agree with an independent implementation on any value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(jcs(tapeOf(JSON.stringify(value)))).toBe(canonicalize(value));
      }),
      { numRuns: 800 },
    );
  });

  it('have no answer for a number beyond a double, but keep it in the lossless form', () => {
    expect(jcs(tapeOf('[1e400]'))).toBeUndefined();
    expect(jcs(tapeOf('{"a":[1e400]}'))).toBeUndefined();
    expect(losslessCanonical(tapeOf('{"b":1e400,"a":1.00}'))).toBe('{"a":1.00,"b":1e400}');
  });

  it('write minus zero as zero in the one and as it stands in the other', () => {
    expect(jcs(tapeOf('[-0]'))).toBe('[0]');
    expect(losslessCanonical(tapeOf('[-0]'))).toBe('[-0]');
  });

  it('do not depend on order, white space or the spelling of escapes', () => {
    const one = tapeOf('{"b":"\\u0041é","a":{"y":1,"x":[]}}');
    const other = tapeOf('{ "a" : { "x":[ ], "y":1 },\n"\\u0062":"A\\u00e9" }');
    expect(losslessCanonical(one)).toBe(losslessCanonical(other));
  });

  it('give a part of a document', () => {
    expect(losslessCanonical(tapeOf('[{"b":2,"a":1}]'), 1)).toBe('{"a":1,"b":2}');
  });
});
