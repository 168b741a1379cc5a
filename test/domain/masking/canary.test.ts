import { describe, expect, it } from '@jest/globals';
import { resourceTypes } from '../../../src/domain/fhir/schema.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import { planted } from './planted.ts';
import { maskText, planOf } from './shipped.ts';

const restricted = [
  ['safe-harbor', 'HRESCH'],
  ['researcher', 'HRESCH'],
  ['limited-data-set', 'HRESCH'],
  ['gdpr-pseudonymised', 'HRESCH'],
] as const;
/** Elements that a limited data set may keep: the marks planted there are no leak. */
const keptTowns = /"(?:city|state|postalCode|country)":"CANARY\d+"/g;

const types = [...resourceTypes];
const documents = new Map(types.map((type) => [type, JSON.stringify(planted(type).resource)]));
const shallow = new Map(types.map((type) => [type, JSON.stringify(planted(type, 2).resource)]));

describe('canaries in every leaf of every R4 type', () => {
  for (const [role, purpose] of restricted) {
    it(`leave in no resource for ${role}`, () => {
      const plan = planOf(role, purpose);
      const leaks: string[] = [];
      for (const [type, json] of documents) {
        const masked = maskText(json, plan);
        if (masked.startsWith('withheld')) {
          expect(plan.covers(type as never)).toBe(false);
          continue;
        }
        for (const found of masked.replace(keptTowns, '').matchAll(/.{60}(?:CANARY|Q0FOQVJZ|canary).{10}/g)) {
          leaks.push(`${type}: ${found[0]}`);
        }
      }
      expect(leaks).toEqual([]);
    });
  }

  it('leave no day of a date under Safe Harbor', () => {
    const plan = planOf('safe-harbor', 'HRESCH');
    for (const json of documents.values()) {
      const masked = maskText(json, plan);
      if (!masked.startsWith('withheld')) expect(masked).not.toMatch(/2021-05|07:08/);
    }
  });

  it('stay where a role sees all, byte for byte', () => {
    for (const role of [
      ['patient', 'PATRQT'],
      ['system', 'TREAT'],
    ] as const) {
      const plan = planOf(role[0], role[1]);
      for (const json of documents.values()) expect(maskText(json, plan)).toBe(json);
    }
  });
});

describe('a masked resource', () => {
  const roles = [
    ...restricted,
    ['clinician', 'TREAT'],
    ['specialist', 'TREAT'],
    ['front-desk', 'HOPERAT'],
    ['billing', 'HPAYMT'],
    ['privacy-officer', 'HOPERAT'],
  ] as const;

  it('is JSON, the same in every run, and masked already: masking twice is masking once, shifted dates aside', () => {
    for (const [role, purpose] of roles) {
      if (role === 'researcher') continue;
      const plan = planOf(role, purpose);
      for (const [type, json] of shallow) {
        const once = maskText(json, plan);
        if (once.startsWith('withheld')) continue;
        expect(maskText(json, plan)).toBe(once);
        expect(scan(new TextEncoder().encode(once)).ok).toBe(true);
        expect(`${role} ${type} ${maskText(once, plan)}`).toBe(`${role} ${type} ${once}`);
      }
    }
  });
});
