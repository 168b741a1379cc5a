import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseDate, shiftDate } from '../../../src/domain/masking/calendar.ts';
import { decrypt, encrypt } from '../../../src/domain/masking/cipher.ts';
import { hmacKey, hmacText } from '../../../src/domain/masking/hmac.ts';
import { keyName } from '../../../src/domain/masking/keyed.ts';
import {
  idBehind,
  pseudonymOfId,
  pseudonymOfReference,
  pseudonymOfValue,
} from '../../../src/domain/masking/pseudonym.ts';
import { shiftOf } from '../../../src/domain/masking/transform.ts';
import { mask, planOf, planOfRule, setOf, shippedFiles } from './shipped.ts';

const key = new Uint8Array(32).fill(1);
const other = new Uint8Array(32).fill(2);
const id = fc.stringMatching(/^[A-Za-z0-9.-]{1,64}$/);

describe('pseudonyms', () => {
  it('are HMACs: the hash agrees with that of the platform', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 300, unit: 'grapheme' }), (bytes, text) => {
        const mine = Buffer.from(hmacText(hmacKey(bytes), text, new Uint8Array(32))).toString('hex');
        expect(mine).toBe(createHmac('sha256', bytes).update(text).digest('hex'));
      }),
    );
  });
  it('of ids are ids, agree everywhere, and turn back with their key alone', () => {
    fc.assert(
      fc.property(id, (each) => {
        const pseudonym = pseudonymOfId(key, each);
        expect(pseudonym).toMatch(/^[A-Za-z0-9.-]{1,64}$/);
        expect(pseudonym).not.toBe(each);
        expect(pseudonymOfId(key, pseudonym)).toBe(pseudonym);
        expect(pseudonymOfReference(key, `Patient/${each}`)).toBe(`Patient/${pseudonym}`);
        expect(idBehind(key, pseudonym)).toBe(each.length <= 50 ? each : undefined);
        expect(idBehind(other, pseudonym)).toBeUndefined();
        expect(idBehind(key, each)).toBeUndefined();
      }),
    );
  });
  it('begin with the name of their key', () => {
    for (const made of [pseudonymOfId(key, 'p1'), pseudonymOfValue(key, 'http://a', '17').slice(4)])
      expect(made.startsWith(keyName(key))).toBe(true);
    expect(keyName(key)).toMatch(/^[A-Za-z0-9.-]{2}$/);
    expect(keyName(key)).not.toBe(keyName(other));
  });
  it('of one project tell nothing about those of another', () => {
    expect(pseudonymOfId(key, 'p1')).not.toBe(pseudonymOfId(other, 'p1'));
    const plan = (study: string) => setOf(shippedFiles()).planFor({ roles: ['researcher'], purpose: 'HRESCH', study });
    const [a, b] = [plan('ResearchStudy/1'), plan('ResearchStudy/2')];
    if (a === undefined || b === undefined) throw new Error('no plan');
    const patient = { resourceType: 'Patient', id: 'p1', birthDate: '1980-05-06' };
    expect((mask(patient, a) as { id: string }).id).not.toBe((mask(patient, b) as { id: string }).id);
  });
  it.each([
    ['Patient/p1', /^Patient\/[\w.-]{16}$/],
    ['Patient/p1/_history/3', /^Patient\/[\w.-]{16}$/],
    ['http://server.example/fhir/Patient/p1', /^Patient\/[\w.-]{16}$/],
    [
      'urn:uuid:c757873d-ec9a-4326-a141-556f43239520',
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ],
    ['#med1', /^#[\w.-]{18}$/],
    ['#', /^#$/],
    ['Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|999', /^Practitioner\/[\w.-]{30,64}$/],
  ])('the reference %s becomes one of the same kind, and stays in a second run', (reference, form) => {
    const pseudonym = pseudonymOfReference(key, reference);
    expect(pseudonym).toMatch(form);
    expect(pseudonymOfReference(key, pseudonym ?? '')).toBe(pseudonym);
  });
  it('what is no reference has none', () => {
    expect(pseudonymOfReference(key, 'Ada Berg, 1 Elm Street')).toBeUndefined();
    expect(pseudonymOfReference(key, 'urn:oid:1.2.3')).toBeUndefined();
  });
  it('of identifiers hang on system and value', () => {
    const a = pseudonymOfValue(key, 'http://a', '17');
    expect(a).not.toBe(pseudonymOfValue(key, 'http://b', '17'));
    expect(pseudonymOfValue(key, 'http://a', a)).toBe(a);
  });
  it('of references and ids agree within a Bundle', () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'collection',
      entry: [
        { resource: { resourceType: 'Patient', id: 'p1', gender: 'male' } },
        {
          resource: {
            resourceType: 'Observation',
            status: 'final',
            subject: { reference: 'Patient/p1' },
            contained: [{ resourceType: 'Specimen', id: 's' }],
            specimen: { reference: '#s' },
          },
        },
      ],
    };
    const masked = mask(bundle, planOf('researcher', 'HRESCH')) as { entry: { resource: Record<string, never> }[] };
    const patient = masked.entry[0]?.resource as unknown as { id: string };
    const observation = masked.entry[1]?.resource as unknown as {
      subject: { reference: string };
      contained: { id: string }[];
      specimen: { reference: string };
    };
    expect(observation.subject.reference).toBe(`Patient/${patient.id}`);
    expect(observation.specimen.reference).toBe(`#${observation.contained[0]?.id}`);
  });
});

describe('date shifts', () => {
  it('are never zero, stay in range, and use both sides of it', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 3000; i += 1) {
      const shift = shiftOf(key, `patient-${i}`, 20, 'any');
      expect(shift).not.toBe(0);
      expect(Math.abs(shift)).toBeLessThanOrEqual(20);
      seen.add(shift);
    }
    expect(seen.size).toBe(40);
    for (let i = 0; i < 500; i += 1) expect(shiftOf(key, `p${i}`, 20, 'past')).toBeLessThan(0);
  });
  it('keep intervals, precision, time and zone', () => {
    const plan = planOf('researcher', 'HRESCH');
    const shifted = (effectiveDateTime: string) =>
      (
        mask({ resourceType: 'Observation', subject: { reference: 'Patient/p7' }, effectiveDateTime }, plan) as {
          effectiveDateTime: string;
        }
      ).effectiveDateTime;
    const [a, b] = [shifted('2020-02-27'), shifted('2020-03-05')];
    expect((Date.parse(b) - Date.parse(a)) / 86_400_000).toBe(7);
    expect(shifted('2020-02-27T10:11:12.345+02:00').slice(10)).toBe('T10:11:12.345+02:00');
    expect(shifted('2020-02-27T10:11:12.345+02:00').slice(0, 10)).toBe(a);
    expect(shifted('2020-02')).toBe('2020');
    expect(shifted('2020')).toBe('2020');
  });
  it('are by the calendar', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1700-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
        fc.integer({ min: -4000, max: 4000 }),
        (date, days) => {
          const day = parseDate(date.toISOString().slice(0, 10));
          if (day === undefined) throw new Error('no date');
          const moved = new Date(Date.parse(date.toISOString().slice(0, 10)) + days * 86_400_000);
          expect(shiftDate(day, days, 'keep')).toBe(moved.toISOString().slice(0, 10));
        },
      ),
    );
  });
  it('fall back to the year where no patient is known', () => {
    expect(
      mask(
        { resourceType: 'Organization', contact: [], meta: { lastUpdated: '2020-01-02T03:04:05Z' } },
        planOf('researcher', 'HRESCH'),
      ),
    ).not.toHaveProperty('meta.lastUpdated');
  });
});

describe('encryption and hashes', () => {
  it('open with their key, unchanged, and with no other', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const sealed = encrypt(key, text);
        expect(decrypt(key, sealed)).toBe(text);
        expect(decrypt(other, sealed)).toBeUndefined();
        expect(encrypt(key, sealed)).toBe(sealed);
        expect(decrypt(key, `${sealed.slice(0, -1)}${sealed.endsWith('A') ? 'B' : 'A'}`) === text).toBe(false);
      }),
    );
  });
  it('label what they did', () => {
    const labels = (method: string) =>
      (
        mask(
          { resourceType: 'Patient', identifier: [{ value: '1' }] },
          planOfRule(`paths: [Identifier.value]\nmethod: ${method}`),
        ) as {
          meta: { security: { system: string; code: string }[] };
        }
      ).meta.security;
    const system = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
    expect(labels('encrypt')).toEqual([{ system, code: 'MASKED' }]);
    expect(labels('hash')).toEqual([{ system, code: 'CRYTOHASH' }]);
    expect(labels('pseudonymise')).toEqual([{ system, code: 'PSEUDED' }]);
    expect(labels('remove')).toEqual([{ system, code: 'REDACTED' }]);
  });
});
