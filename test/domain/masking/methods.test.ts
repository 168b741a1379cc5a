import { describe, expect, it } from '@jest/globals';
import { mask, maskText, planOf, planOfRule } from './shipped.ts';

const DAR = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }],
};
const rendered = (text: string) => ({
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/rendered-value', valueString: text }],
});

/** What is left of the members of a resource, its labels aside. */
const left = (rule: string, type: string, members: object, asOf = '2026-11-22'): Record<string, unknown> => {
  const key = new Uint8Array(32).fill(9);
  const {
    resourceType: _,
    meta: _labels,
    ...rest
  } = mask({ resourceType: type, ...members }, planOfRule(rule), {
    asOf,
    key: () => key,
  }) as Record<string, unknown>;
  return rest;
};

describe('generalise dates', () => {
  const rule = (to: string) => `paths: [date, dateTime, instant]\nmethod: generalise\nwith: { to: ${to} }`;
  const year = rule('year');
  const cases: readonly (readonly [string, string, object, object])[] = [
    [year, 'Patient', { birthDate: '1980-02-29' }, { birthDate: '1980' }],
    [year, 'Patient', { birthDate: '1980-02' }, { birthDate: '1980' }],
    [year, 'Patient', { birthDate: '1980' }, { birthDate: '1980' }],
    [year, 'Patient', { birthDate: '1937-01-01' }, { birthDate: '1937' }],
    [year, 'Patient', { birthDate: '1936-11-23' }, { birthDate: '1936' }],
    [year, 'Patient', { birthDate: '1936-11-22' }, { _birthDate: DAR }],
    [year, 'Patient', { birthDate: '1936' }, { _birthDate: DAR }],
    [year, 'Patient', { birthDate: '1936-12' }, { birthDate: '1936' }],
    [year, 'Patient', { birthDate: '1936-11' }, { _birthDate: DAR }],
    [year, 'Patient', { birthDate: '1899-01-01' }, { _birthDate: DAR }],
    [year, 'Patient', { birthDate: 'yesterday' }, { _birthDate: DAR }],
    [year, 'Patient', { birthDate: '1980-13-01' }, { birthDate: '1980' }],
    [year, 'Patient', { deceasedDateTime: '2020-01-02T03:04:05+02:00' }, { deceasedDateTime: '2020' }],
    [
      year,
      'Patient',
      { deceasedDateTime: '2020-01-02T03:04:05Z', gender: 'male' },
      { deceasedDateTime: '2020', gender: 'male' },
    ],
    [year, 'Observation', { issued: '2020-01-02T03:04:05Z' }, { _issued: DAR }],
    [
      year,
      'Observation',
      { effectivePeriod: { start: '2020-01-02', end: '2021-03-04' } },
      { effectivePeriod: { start: '2020', end: '2021' } },
    ],
    [
      year,
      'Observation',
      { effectiveTiming: { event: ['2020-01-02', '1920-01-01'] } },
      { effectiveTiming: { event: ['2020', null], _event: [null, DAR] } },
    ],
    [
      year,
      'Observation',
      { effectiveTiming: { event: ['2020-01-02', '2021-01-01'] } },
      { effectiveTiming: { event: ['2020', '2021'] } },
    ],
    [year, 'Observation', { effectiveTiming: { event: ['1920-01-02'] } }, { effectiveTiming: { _event: [DAR] } }],
    [
      year,
      'Encounter',
      { statusHistory: [{ status: 'planned', period: { start: '2020-01-02' } }] },
      { statusHistory: [{ status: 'planned', period: { start: '2020' } }] },
    ],
    [rule('month'), 'Patient', { birthDate: '1980-02-29' }, { birthDate: '1980-02' }],
    [rule('month'), 'Patient', { birthDate: '1980-02' }, { birthDate: '1980-02' }],
    [rule('month'), 'Patient', { birthDate: '1980' }, { birthDate: '1980' }],
    [rule('month'), 'Patient', { deceasedDateTime: '2020-01-02T03:04:05Z' }, { deceasedDateTime: '2020-01' }],
    [rule('month'), 'Patient', { birthDate: '1930-02-29' }, { _birthDate: DAR }],
    [rule('decade'), 'Patient', { birthDate: '1987-02-28' }, { birthDate: '1980' }],
    [rule('decade'), 'Patient', { birthDate: '1980' }, { birthDate: '1980' }],
    [rule('decade'), 'Patient', { deceasedDateTime: '2019-12-31T00:00:00Z' }, { deceasedDateTime: '2010' }],
    [rule('year, over: 120'), 'Patient', { birthDate: '1930-02-28' }, { birthDate: '1930' }],
    [rule('year, over: 60'), 'Patient', { birthDate: '1960-02-28' }, { _birthDate: DAR }],
  ];
  it.each(cases)('%s of %s %j leaves %j', (given, type, members, expected) => {
    expect(left(given, type, members)).toEqual(expected);
  });
});

describe('dates that are kept', () => {
  const plan = planOf('limited-data-set', 'HRESCH');
  const dates = ['1980', '1980-02', '1980-02-29', '2021-05-06T07:08Z', '2021-05-06T07:08:09.123+02:00'];
  const names = ['Ada Berg', '1980-02-29 Ada Berg', '1980-02-29TBerg', '2021-05-06T07:08:09+Berg', '', 'P90Y'];
  it.each([...dates, ...names])('under a policy that closes what it does not name, "%s" stays if it is one', (text) => {
    const shown = mask({ resourceType: 'Encounter', status: 'finished', period: { start: text, end: text } }, plan);
    const wanted = dates.includes(text) ? { start: text, end: text } : { _start: DAR, _end: DAR };
    expect(shown).toMatchObject({ period: wanted });
    expect(Object.keys((shown as { period: object }).period)).toEqual(Object.keys(wanted));
    expect((shown as { meta?: { security?: object[] } }).meta?.security?.length ?? 0).toBe(
      dates.includes(text) ? 0 : 1,
    );
  });

  it('are searched by as before, and shift with no text behind them', () => {
    expect(plan.masksParameter('Encounter' as never, 'date')).toBeUndefined();
    expect(plan.masksParameter('Patient' as never, 'birthdate')).toBeUndefined();
    const rule = 'paths: [dateTime]\nmethod: date-shift';
    const encounter = { subject: { reference: 'Patient/p' }, period: { start: '2021-05-06TBerg' } };
    expect(left(rule, 'Encounter', encounter)).toMatchObject({ period: { _start: DAR } });
  });
});

describe('generalise postal codes', () => {
  const rule = 'paths: [Address.postalCode]\nmethod: generalise\nwith: { to: zip3 }';
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['98052', '980'],
    ['98052-1234', '980'],
    ['980521234', '980'],
    ['98052 1234', '980'],
    [' 98052 ', '980'],
    ['980', '980'],
    ['01970', '019'],
    ['00601', '006'],
    ...['03601', '05901', '06301', '10201', '20301', '20501', '36901', '55601', '69201', '79001'].map(
      (zip) => [zip, '000'] as const,
    ),
    ...['82101', '82301', '83001', '83101', '87801', '87901', '88401', '89001', '89301'].map(
      (zip) => [zip, '000'] as const,
    ),
    ['89401', '894'],
    ['000', '000'],
    ['SW1A 1AA', undefined],
    ['K1A 0B1', undefined],
    ['9805', undefined],
    ['1234567', undefined],
    ['', undefined],
  ];
  it.each(cases)('"%s" becomes %s', (postalCode, expected) => {
    const address = expected === undefined ? { _postalCode: DAR } : { postalCode: expected };
    expect(left(rule, 'Patient', { address: [{ state: 'MA', postalCode }] })).toEqual({
      address: [{ state: 'MA', ...address }],
    });
  });
});

describe('generalise ages', () => {
  const rule = 'paths: [Age, Condition.onset.ofType(Range), Observation.value]\nmethod: generalise\nwith: { to: ages }';
  const ninety = { value: 90, comparator: '>=', unit: 'years', system: 'http://unitsofmeasure.org', code: 'a' };
  const age = (value: number, code?: string) => ({
    value,
    ...(code === undefined ? {} : { system: 'http://unitsofmeasure.org', code }),
  });
  const cases: readonly (readonly [object, object])[] = [
    [{ onsetAge: age(89, 'a') }, { onsetAge: age(89, 'a') }],
    [{ onsetAge: age(89.5, 'a') }, { onsetAge: age(89.5, 'a') }],
    [{ onsetAge: age(90, 'a') }, { onsetAge: ninety }],
    [{ onsetAge: age(92.5, 'a') }, { onsetAge: ninety }],
    [{ onsetAge: age(104, 'a') }, { onsetAge: ninety }],
    [{ onsetAge: age(104) }, { onsetAge: ninety }],
    [{ onsetAge: age(1092, 'mo') }, { onsetAge: ninety }],
    [{ onsetAge: age(100, 'mo') }, { onsetAge: age(100, 'mo') }],
    [{ onsetAge: age(200, 'wk') }, { onsetAge: age(200, 'wk') }],
    [{ onsetAge: age(33000, 'd') }, { onsetAge: ninety }],
    [{ onsetAge: age(300, 'd') }, { onsetAge: age(300, 'd') }],
    [{ onsetAge: age(0, 'a') }, { onsetAge: age(0, 'a') }],
    [{ onsetAge: ninety }, { onsetAge: ninety }],
    [
      { onsetRange: { low: age(88, 'a'), high: age(95, 'a') } },
      {
        onsetRange: {
          low: age(88, 'a'),
          high: { value: 90, unit: 'years', system: 'http://unitsofmeasure.org', code: 'a' },
        },
      },
    ],
  ];
  it.each(cases)('%j becomes %j', (members, expected) => {
    expect(left(rule, 'Condition', members)).toEqual(expected);
  });
  it('keeps a number without its unit from passing as young', () => {
    expect(left(rule, 'Observation', { valueQuantity: { value: 97, unit: 'a' } })).toEqual({ valueQuantity: ninety });
  });
});

describe('generalise numbers and codes', () => {
  const number = 'paths: [Observation.value.ofType(Quantity).value]\nmethod: generalise\nwith: { to: steps, size: 5 }';
  it.each([
    ['7', '5'],
    ['5', '5'],
    ['4.99', '0'],
    ['-3', '-5'],
    ['1.0e1', '1.0e1'],
    ['123.456', '120'],
  ])('%s becomes %s in steps of five', (value, expected) => {
    const json = `{"resourceType":"Observation","valueQuantity":{"value":${value}}}`;
    expect(maskText(json, planOfRule(number))).toContain(`{"value":${expected}}`);
  });
  const code = 'paths: [Coding.code]\nmethod: generalise\nwith: { to: prefix, size: 3 }';
  it.each([
    ['E11.65', 'E11'],
    ['E11', 'E11'],
    ['E1', 'E1'],
    ['Z99.2', 'Z99'],
  ])('the code %s becomes %s', (value, expected) => {
    expect(left(code, 'Condition', { code: { coding: [{ code: value }] } })).toEqual({
      code: { coding: [{ code: expected }] },
    });
  });
  const map = 'paths: [Coding.code]\nmethod: generalise\nwith: { to: map, map: { "44054006": "73211009" } }';
  it.each([
    ['44054006', { code: '73211009' }],
    ['73211009', { code: '73211009' }],
    ['22298006', { _code: DAR }],
  ])('the code %s becomes %j', (value, expected) => {
    expect(left(map, 'Condition', { code: { coding: [{ code: value }] } })).toEqual({ code: { coding: [expected] } });
  });
});

describe('partial', () => {
  const rule = (options: string) => `paths: [Identifier.value]\nmethod: partial\nwith: { ${options} }`;
  it.each([
    ['last: 4', '123-45-6789', '***-**-6789'],
    ['last: 2', '123-45-6789', '***-**-**89'],
    ['last: 4', 'AB12', '**12'],
    ['last: 4', 'ABC', '**C'],
    ['last: 4', 'A', '*'],
    ['first: 3, last: 0', 'MRN-00017', 'MRN-*****'],
    ['first: 2, last: 2', '12345678', '12****78'],
    ['last: 4', 'Zoë-Äpfel-99', '***-****l-99'],
    ['last: 0', '12345', '*****'],
  ])('with %s of "%s" shows "%s"', (options, value, shown) => {
    expect(left(rule(options), 'Patient', { identifier: [{ system: 'http://s', value }] })).toEqual({
      identifier: [{ system: 'http://s', _value: rendered(shown) }],
    });
  });
  it('shows no more when it is applied twice', () => {
    const once = { identifier: [{ _value: rendered('***-**-6789') }] };
    expect(left(rule('last: 4'), 'Patient', once)).toEqual(once);
  });
  it('keeps each place of a list', () => {
    expect(
      left('paths: [HumanName.given]\nmethod: partial\nwith: { last: 1 }', 'Patient', {
        name: [{ given: ['Anna', 'Bo'] }],
      }),
    ).toEqual({
      name: [{ _given: [rendered('***a'), rendered('*o')] }],
    });
  });
});

describe('remove, redact and hide', () => {
  const rule = (method: string, path: string) => `paths: ["${path}"]\nmethod: ${method}`;
  const name = { name: [{ family: 'Berg', given: ['Ada', 'Eva'] }] };
  const cases: readonly (readonly [string, string, string, object, object])[] = [
    ['remove', 'Patient.birthDate', 'Patient', { birthDate: '1980-01-01', gender: 'male' }, { gender: 'male' }],
    [
      'remove',
      'Patient.birthDate',
      'Patient',
      { birthDate: '1980-01-01', _birthDate: { id: 'x' }, gender: 'male' },
      { gender: 'male' },
    ],
    [
      'remove',
      'Patient.birthDate',
      'Patient',
      { _birthDate: { id: 'x' }, birthDate: '1980-01-01', gender: 'male' },
      { gender: 'male' },
    ],
    ['remove', 'Patient.name', 'Patient', { ...name, gender: 'male' }, { gender: 'male' }],
    ['remove', 'HumanName.given', 'Patient', name, { name: [{ family: 'Berg' }] }],
    ['remove', 'HumanName.family', 'Patient', { name: [{ family: 'Berg' }], gender: 'male' }, { gender: 'male' }],
    [
      'remove',
      'HumanName.family',
      'Patient',
      { contact: [{ name: { family: 'Berg' } }], gender: 'male' },
      { gender: 'male' },
    ],
    ['remove', 'Observation.status', 'Observation', { status: 'final' }, { _status: DAR }],
    ['remove', 'Observation.code', 'Observation', { code: { text: 'x' } }, { code: DAR }],
    [
      'remove',
      'Observation.component.code',
      'Observation',
      { component: [{ code: { text: 'x' }, valueInteger: 1 }] },
      { component: [{ code: DAR, valueInteger: 1 }] },
    ],
    ['remove', 'Coverage.payor', 'Coverage', { payor: [{ display: 'x' }, { display: 'y' }] }, { payor: [DAR] }],
    ['remove', 'Patient.active', 'Patient', { active: true, gender: 'male' }, { gender: 'male' }],
    ['remove', 'Observation.value.ofType(integer)', 'Observation', { valueInteger: 3 }, {}],
    ['remove', 'Observation.value.ofType(Quantity)', 'Observation', { valueQuantity: { value: 3 } }, {}],
    ['remove', 'Observation.value.ofType(Quantity)', 'Observation', { valueString: 'x' }, { valueString: 'x' }],
    ['remove', 'Observation.value', 'Observation', { valueString: 'x', status: 'final' }, { status: 'final' }],
    [
      'remove',
      "Patient.identifier.where(system = 'http://a')",
      'Patient',
      {
        identifier: [
          { system: 'http://a', value: '1' },
          { system: 'http://b', value: '2' },
        ],
      },
      { identifier: [{ system: 'http://b', value: '2' }] },
    ],
    [
      'remove',
      "Patient.identifier.where(system = 'http://a')",
      'Patient',
      {
        identifier: [
          { system: 'http://b', value: '2' },
          { system: 'http://a', value: '1' },
        ],
      },
      { identifier: [{ system: 'http://b', value: '2' }] },
    ],
    [
      'remove',
      "Patient.identifier.where(system = 'http://a' and use != 'old').value",
      'Patient',
      {
        identifier: [
          { system: 'http://a', use: 'old', value: '1' },
          { system: 'http://a', use: 'usual', value: '2' },
        ],
      },
      {
        identifier: [
          { system: 'http://a', use: 'old', value: '1' },
          { system: 'http://a', use: 'usual' },
        ],
      },
    ],
    [
      'remove',
      'Observation.where(valueInteger > 5).value',
      'Observation',
      { valueInteger: 6, status: 'final' },
      { status: 'final' },
    ],
    [
      'remove',
      'Observation.where(valueInteger > 5).value',
      'Observation',
      { valueInteger: 5, status: 'final' },
      { valueInteger: 5, status: 'final' },
    ],
    [
      'remove',
      "Patient.extension('http://a')",
      'Patient',
      {
        extension: [
          { url: 'http://a', valueCode: 'x' },
          { url: 'http://b', valueCode: 'y' },
        ],
      },
      { extension: [{ url: 'http://b', valueCode: 'y' }] },
    ],
    [
      'remove',
      "Patient.birthDate.extension('http://a')",
      'Patient',
      { birthDate: '1980', _birthDate: { extension: [{ url: 'http://a', valueCode: 'x' }] } },
      { birthDate: '1980' },
    ],
    [
      'remove',
      "HumanName.given.extension('http://a')",
      'Patient',
      { name: [{ given: ['A', 'B'], _given: [{ extension: [{ url: 'http://a', valueCode: 'x' }] }, { id: 'k' }] }] },
      { name: [{ given: ['A', 'B'], _given: [null, { id: 'k' }] }] },
    ],
    ['redact', 'Patient.birthDate', 'Patient', { birthDate: '1980-01-01' }, { _birthDate: DAR }],
    ['redact', 'Patient.name', 'Patient', name, { name: [DAR] }],
    ['redact', 'HumanName.given', 'Patient', name, { name: [{ family: 'Berg', _given: [DAR, DAR] }] }],
    [
      'redact',
      'HumanName.given',
      'Patient',
      { name: [{ given: ['A'], _given: [{ id: 'k' }] }] },
      { name: [{ _given: [DAR] }] },
    ],
    ['redact', 'Patient.maritalStatus', 'Patient', { maritalStatus: { text: 'x' } }, { maritalStatus: DAR }],
    ['redact', 'Patient.maritalStatus', 'Patient', { maritalStatus: DAR }, { maritalStatus: DAR }],
    ['redact', 'Patient.multipleBirth', 'Patient', { multipleBirthInteger: 2 }, { _multipleBirthInteger: DAR }],
    ['redact', 'Patient.birthDate', 'Patient', { gender: 'male' }, { gender: 'male' }],
    [
      'hide',
      'Patient.birthDate',
      'Patient',
      { birthDate: '1980-01-01', gender: 'male' },
      { gender: 'male', _birthDate: DAR },
    ],
    ['hide', 'Patient.birthDate', 'Patient', { gender: 'male' }, { gender: 'male', _birthDate: DAR }],
    ['hide', 'Patient.name', 'Patient', { gender: 'male' }, { gender: 'male', name: [DAR] }],
    ['hide', 'Patient.name', 'Patient', { ...name, gender: 'male' }, { gender: 'male', name: [DAR] }],
    ['hide', 'HumanName.family', 'Patient', { name: [{ family: 'Berg' }] }, { name: [{ _family: DAR }] }],
    ['hide', 'HumanName.family', 'Patient', { gender: 'male' }, { gender: 'male' }],
  ];
  it.each(cases)('%s of %s in %s %j leaves %j', (method, path, type, members, expected) => {
    expect(left(rule(method, path), type, members)).toEqual(expected);
  });
  it('tells nothing of presence by the place of the mark', () => {
    const plan = planOfRule(rule('hide', 'Patient.birthDate'));
    expect(maskText('{"resourceType":"Patient","birthDate":"1980-01-01","gender":"male"}', plan)).toBe(
      maskText('{"resourceType":"Patient","gender":"male"}', plan),
    );
  });
});

describe('substitute and perturb', () => {
  it.each([
    [
      'paths: [Patient.gender]\nmethod: substitute\nwith: { value: unknown }',
      { gender: 'male' },
      { gender: 'unknown' },
    ],
    ['paths: [Patient.active]\nmethod: substitute\nwith: { value: true }', { active: false }, { active: true }],
    [
      'paths: [HumanName.family]\nmethod: substitute\nwith: { value: Doe }',
      { name: [{ family: 'Berg' }] },
      { name: [{ family: 'Doe' }] },
    ],
    [
      'paths: [Patient.name]\nmethod: substitute\nwith: { value: { family: Doe } }',
      { name: [{ given: ['A'] }] },
      { name: [{ family: 'Doe' }] },
    ],
  ])('%s of %j leaves %j', (rule, members, expected) => {
    expect(left(rule, 'Patient', members)).toEqual(expected);
  });
  it.each(['100.00', '6.3', '5', '-40.5'])('moves %s by at most five percent and keeps its precision', (literal) => {
    const rule = 'paths: [Quantity.value]\nmethod: perturb\nwith: { percent: 5 }';
    const text = maskText(`{"resourceType":"Observation","valueQuantity":{"value":${literal}}}`, planOfRule(rule));
    const moved = /"value":(-?[\d.]+)/.exec(text)?.[1] ?? '';
    expect(Math.abs(Number(moved) - Number(literal))).toBeLessThanOrEqual(Math.abs(Number(literal)) * 0.0501 + 0.5);
    expect(moved.split('.')[1]?.length).toBe(literal.split('.')[1]?.length);
  });
});

describe('scrub', () => {
  const plan = planOfRule('paths: [Annotation.text, Narrative, Observation.value.ofType(string)]\nmethod: scrub');
  const scrubbed = (text: string, more: object = {}): string => {
    const masked = mask({ resourceType: 'Observation', ...more, note: [{ text }] }, plan) as {
      note: [{ text: string }];
    };
    return masked.note[0].text;
  };
  it.each([
    ['Call 555-867-5309 today', '867'],
    ['Call (555) 867-5309', '867'],
    ['+49 30 1234567 rings', '1234567'],
    ['mail ada.berg@example.org', 'ada'],
    ['see https://example.org/x?id=3', 'example'],
    ['from 192.168.10.4', '192'],
    ['SSN 123-45-6789', '6789'],
    ['MRN: 00017-A', '00017'],
    ['seen 2024-05-06', '05-06'],
    ['seen 5/6/2024', '5/6'],
    ['seen May 6, 2024', 'May 6'],
    ['seen 6th of May 2024', '6th'],
    ['vu le 6 mai 2024', 'mai'],
    ['am 6. März 2024 gesehen', 'März'],
    ['el 6 de mayo de 2024', 'mayo'],
    ['2024年5月6日', '5月'],
    ['Call (555)867-5309', '867'],
    ['a ninety-three year old', 'three'],
    ['a 93yo woman', '93'],
    ['is 93 years old', '93'],
    ['aged 101', '101'],
    ['lives at 12 Elm Street', 'Elm'],
    ['ZIP 98052-1234', '98052'],
    ['Dr. Quillfeather agreed', 'Quillfeather'],
    ['met with Jennifer Kowalczyk', 'Jennifer'],
    ['Frankie174 came', 'Frankie'],
    ['account 12345678', '12345678'],
    ['urn c757873d-ec9a-4326-a141-556f43239520', 'c757873d'],
  ])('takes what tells a person out of "%s"', (text, secret) => {
    expect(scrubbed(text)).not.toContain(secret);
    expect(scrubbed(text)).toContain('[redacted]');
  });
  it.each([
    'HbA1c 6.3 % is fine',
    'BP 120/80, pulse 72',
    'aspirin 100 mg twice daily',
    'no fever for 3 days',
    'aged 45',
    'may return in 3 weeks',
    'cafe\u0301 au lait spots',
  ])('leaves "%s"', (text) => {
    expect(scrubbed(text)).toBe(text);
  });
  it('knows the names that the record itself tells', () => {
    const more = {
      subject: { reference: 'Patient/1', display: 'Oriana Vosk' },
      performer: [{ reference: 'Practitioner/2', display: 'Pell Aruba' }],
    };
    expect(scrubbed('Vosk and pell were there', more)).toBe('[redacted] and [redacted] were there');
    const accented = { subject: { reference: 'Patient/1', display: 'Zoé Vosk' } };
    expect(scrubbed('Zoe\u0301 was there', accented)).toBe('[redacted] was there');
  });
  it('keeps the markup of a narrative and drops what hides in it', () => {
    const div =
      '<div xmlns="http://www.w3.org/1999/xhtml"><!-- Ada --><p title="Ada Berg">Call 555-867-5309</p><img src="http://x/y"/></div>';
    const masked = mask({ resourceType: 'Observation', text: { status: 'generated', div } }, plan) as {
      text: { div: string };
    };
    expect(masked.text.div).toBe('<div xmlns="http://www.w3.org/1999/xhtml"><p>Call [redacted]</p></div>');
  });
});

describe('labels of a view', () => {
  const labelsOf = (view: unknown): readonly string[] =>
    ((view as { meta?: { security?: { code: string }[] } }).meta?.security ?? []).map(({ code }) => code);
  const remove = planOfRule('paths: [Patient.name, Bundle.timestamp]\nmethod: remove');
  const name = [{ family: 'Byrne' }];

  it.each([
    ['none', undefined],
    ['empty', {}],
    ['with an empty list', { security: [] }],
    ['with others', { security: [{ system: 'https://riverside.example', code: 'VIP' }] }],
    ['with a version', { versionId: '1' }],
  ])('stand in the meta: %s', (_, meta) => {
    const view = mask({ resourceType: 'Patient', id: 'a', ...(meta === undefined ? {} : { meta }), name }, remove);
    expect(labelsOf(view).at(-1)).toBe('REDACTED');
    expect(view).toMatchObject({ id: 'a', meta: { ...meta, security: expect.anything() } });
  });

  it('are those of each resource and of the Bundle around it', () => {
    const bundle = (timestamp: object) => ({
      resourceType: 'Bundle',
      meta: { versionId: '1' },
      type: 'collection',
      ...timestamp,
      entry: [
        { resource: { resourceType: 'Patient', meta: { versionId: '2' }, name } },
        { resource: { resourceType: 'Patient', gender: 'female', modifierExtension: [{ url: 'x' }], name } },
        { resource: { resourceType: 'Patient', meta: { versionId: '3' }, gender: 'female' } },
      ],
    });
    const entries = (view: unknown) =>
      (view as { entry: { resource: unknown }[] }).entry.map(({ resource }) => resource);
    const masked = mask(bundle({ timestamp: '2026-01-01T00:00:00Z' }), remove);
    expect(labelsOf(masked)).toEqual(['REDACTED']);
    expect(entries(masked).map(labelsOf)[0]).toEqual(['REDACTED']);
    expect(entries(masked).map(labelsOf).at(-1)).toEqual([]);
  });
});
