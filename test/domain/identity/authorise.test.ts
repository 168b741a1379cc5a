import { describe, expect, it } from '@jest/globals';
import { classify } from '../../../src/domain/fhir/classify.ts';
import type { FhirInteraction, PatientId, ResourceType } from '../../../src/domain/fhir/interaction.ts';
import { permits } from '../../../src/domain/identity/authorise.ts';
import { parseScopes } from '../../../src/domain/identity/scope.ts';
import { mayReturn } from '../../../src/domain/identity/scope-release.ts';
import { scan } from '../../../src/domain/json/scan.ts';

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const understood = (line: string, body?: unknown): FhirInteraction => {
  const [method = '', target = ''] = line.split(' ', 2);
  const outcome = classify({
    method,
    target,
    headers: { 'content-type': 'application/fhir+json' },
    body: body === undefined ? undefined : bytes(body),
  });
  if (!outcome.ok) throw new Error(`${line}: ${outcome.problem.code}`);
  return outcome.interaction;
};

const holder = (scopes: string, patient?: string) => ({
  scopes: parseScopes(scopes),
  ...(patient !== undefined && { launchPatient: patient as PatientId }),
});

const observation = (category: string) => ({
  resourceType: 'Observation',
  category: [{ coding: [{ system: 'http://s', code: category }] }],
});

describe('permits', () => {
  it.each([
    ['user/Patient.r', 'GET /Patient/p1'],
    ['user/Patient.r', 'GET /Patient/p1/_history'],
    ['user/Patient.s', 'GET /Patient?name=a'],
    ['user/Patient.s', 'GET /Patient/_history'],
    ['user/*.read', 'GET /Observation?subject:Patient.name=a'],
    ['user/Observation.s user/Patient.s', 'GET /Observation?subject:Patient.name=a'],
    ['user/Observation.s user/Patient.s', 'GET /Patient?_has:Observation:patient:code=a'],
    ['user/Observation.s user/Patient.r', 'GET /Observation?code=a&_include=Observation:subject'],
    ['user/Observation.s user/Patient.s', 'GET /Patient?_id=a&_revinclude=Observation:subject'],
    ['user/*.rs', 'GET /Patient/p1/*'],
    ['user/Patient.r', 'GET /Patient/p1/$everything'],
    ['system/*.rs', 'GET /$export'],
    ['system/Patient.rs', 'GET /$export?_type=Patient'],
    ['user/Patient.d', 'DELETE /Patient/p1'],
    ['user/Patient.rs', 'GET /metadata'],
  ])('%s is enough for %s', (scopes, line) => {
    expect(permits(holder(scopes), understood(line))).toEqual({ ok: true });
  });

  it.each([
    ['user/Patient.s', 'GET /Patient/p1', 'user/Patient.r'],
    ['user/Patient.r', 'GET /Patient?name=a', 'user/Patient.s'],
    ['user/Observation.rs', 'GET /Observation?subject:Patient.name=a', 'user/Patient.s'],
    ['user/Patient.rs', 'GET /Patient?_has:Observation:patient:code=a', 'user/Observation.s'],
    ['user/Patient.rs', 'GET /Patient?_id=a&_revinclude=Observation:subject', 'user/Observation.r'],
    ['user/Observation.rs', 'GET /Observation?code=a&_include=Observation:subject:Patient', 'user/Patient.r'],
    ['user/Patient.rs', 'GET /Patient/p1/*', 'user/*.s'],
    ['user/Patient.rs user/Observation.rs', 'GET /?_type=Patient,Condition&_id=1', 'user/Condition.s'],
    ['user/Patient.rs', 'GET /Patient?_list=l1', 'user/List.r'],
    ['user/Patient.cru', 'DELETE /Patient/p1', 'user/Patient.d'],
    ['user/Patient.d', 'DELETE /Patient?name=a', 'user/Patient.s'],
    ['system/Patient.rs', 'GET /$export', 'system/*.r'],
    ['patient/Patient.rs', 'GET /Patient/p1', 'user/Patient.r'],
    ['', 'GET /Patient/p1', 'user/Patient.r'],
  ])('%s is not enough for %s; %s would be', (scopes, line, scope) => {
    expect(permits(holder(scopes), understood(line))).toEqual({
      ok: false,
      problem: { code: 'scope-insufficient', scope },
    });
  });

  it('confines the call to the launch patient when it stands on patient scopes', () => {
    const read = understood('GET /Observation?patient=p1');
    expect(permits(holder('patient/Observation.rs', 'p1'), read)).toEqual({ ok: true, patientOnly: 'p1' });
    expect(permits(holder('patient/Observation.rs user/Observation.rs', 'p1'), read)).toEqual({ ok: true });
    const chained = understood('GET /Observation?subject:Patient.name=a');
    expect(permits(holder('patient/Patient.rs user/Observation.rs', 'p1'), chained)).toEqual({
      ok: true,
      patientOnly: 'p1',
    });
  });

  it('judges each entry of a batch', () => {
    const entry = (method: string, url: string) => ({ request: { method, url } });
    const batch = understood('POST /', {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [entry('GET', 'Patient/p1'), entry('DELETE', 'Patient/p1')],
    });
    expect(permits(holder('user/Patient.rd'), batch)).toEqual({ ok: true });
    expect(permits(holder('user/Patient.r'), batch)).toMatchObject({ ok: false, problem: { scope: 'user/Patient.d' } });
  });

  describe('with granular scopes', () => {
    const lab = 'user/Observation.cruds?category=http://s|laboratory';

    it('lets reads and searches through, and holds what comes back against the filter', () => {
      expect(permits(holder(lab), understood('GET /Observation?code=a'))).toEqual({ ok: true });
      const within = (category: string): boolean => {
        const scanned = scan(bytes(observation(category)));
        return scanned.ok && mayReturn(holder(lab), scanned.tape, 0, 'Observation' as ResourceType, 'search');
      };
      expect(within('laboratory')).toBe(true);
      expect(within('vital-signs')).toBe(false);
    });

    it('does not let anything be inferred through what the filter hides', () => {
      const has = understood('GET /Patient?_has:Observation:patient:code=a');
      expect(permits(holder(`${lab} user/Patient.rs`), has)).toMatchObject({ ok: false });
    });

    it('holds what is written against the filter, and asks for the stored version to be', () => {
      expect(permits(holder(lab), understood('POST /Observation', observation('laboratory')))).toEqual({ ok: true });
      expect(permits(holder(lab), understood('POST /Observation', observation('vital-signs')))).toMatchObject({
        ok: false,
      });
      const update = understood('PUT /Observation/o1', { ...observation('laboratory'), id: 'o1' });
      expect(permits(holder(lab), update)).toMatchObject({ ok: true, stored: [{ text: lab }] });
    });
  });
});
