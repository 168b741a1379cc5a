import { describe, expect, it } from '@jest/globals';
import { anchorLinks } from '../../../src/domain/fhir/links.ts';
import { applySplices } from '../../../src/domain/json/splice.ts';
import { tapeOf, textOf } from '../json/documents.ts';

const upstreamBase = 'http://ehr.example:8080/fhir';
const gatewayBase = 'https://gateway.example/fhir';

const anchored = (json: string): string => {
  const tape = tapeOf(json);
  return textOf(applySplices(tape.bytes, anchorLinks(tape, 0, { upstreamBase, gatewayBase })));
};
const moved = (json: string): string => json.replaceAll(upstreamBase, gatewayBase);

describe('links', () => {
  it.each([
    `{"reference":"${upstreamBase}/Patient/1"}`,
    `{"resourceType":"Observation","subject":{"reference":"${upstreamBase}/Patient/1/_history/2"}}`,
    `{"resourceType":"Bundle","link":[{"relation":"self","url":"${upstreamBase}?_getpages=1"}],"entry":[{"fullUrl":"${upstreamBase}/Patient/1"}]}`,
    `{"resourceType":"Bundle","entry":[{"response":{"status":"201","location":"${upstreamBase}/Patient/1/_history/1"}}]}`,
    `{"resourceType":"Bundle","entry":[{"request":{"method":"GET","url":"${upstreamBase}/Patient/1"}}]}`,
    `{"resourceType":"Patient","photo":[{"url":"${upstreamBase}/Binary/1"},{"url":"${upstreamBase}/Binary/2"}]}`,
    `{"resourceType":"DocumentReference","content":[{"attachment":{"url":"${upstreamBase}/Binary/1"}}]}`,
    `{"resourceType":"Media","content":{"url":"${upstreamBase}/Binary/1"}}`,
    `{"resourceType":"Endpoint","address":"${upstreamBase}"}`,
    `{"resourceType":"Basic","extension":[{"url":"http://x.example","valueUrl":"${upstreamBase}/Binary/1"}]}`,
    `{"resourceType":"CapabilityStatement","implementation":{"description":"x","url":"${upstreamBase}"}}`,
  ])('move to the gateway: %s', (json) => {
    expect(anchored(json)).toBe(moved(json));
    expect(moved(json)).not.toBe(json);
  });

  it.each([
    `{"resourceType":"Observation","note":[{"text":"see ${upstreamBase}/Patient/1"}]}`,
    `{"resourceType":"Observation","note":[{"text":"${upstreamBase}/Patient/1"}]}`,
    `{"text":{"status":"generated","div":"<div><a href=\\"${upstreamBase}/Patient/1\\">x</a></div>"}}`,
    `{"identifier":[{"system":"${upstreamBase}/mrn","value":"${upstreamBase}/1"}]}`,
    `{"meta":{"profile":["${upstreamBase}/StructureDefinition/x"]}}`,
    `{"extension":[{"url":"${upstreamBase}/StructureDefinition/x","valueString":"${upstreamBase}"}]}`,
    `{"resourceType":"ValueSet","url":"${upstreamBase}/ValueSet/x"}`,
    `{"reference":"${upstreamBase}2/Patient/1"}`,
    `{"reference":"Patient/1"}`,
    `{"reference":"http://other.example/fhir/Patient/1"}`,
    `{"display":"${upstreamBase}/Patient/1"}`,
    `["${upstreamBase}/Patient/1"]`,
    `"${upstreamBase}/Patient/1"`,
  ])('leave alone: %s', (json) => {
    expect(anchored(json)).toBe(json);
  });

  it('are found however they are spelt', () => {
    expect(anchored('{"reference":"http:\\/\\/ehr.example:8080\\/fhir\\/Patient\\/1"}')).toBe(
      `{"reference":"${gatewayBase}/Patient/1"}`,
    );
    expect(anchored('{"entry":[{"fullUrl":"\\u0068ttp://ehr.example:8080/fhir/Patient/1"}]}')).toBe(
      `{"entry":[{"fullUrl":"${gatewayBase}/Patient/1"}]}`,
    );
    expect(anchored('{"reference":"HTTP://EHR.example:8080/fhir/Patient/1"}')).toBe(
      `{"reference":"${gatewayBase}/Patient/1"}`,
    );
  });

  it('are found under the other names of the upstream', () => {
    const tape = tapeOf('{"reference":"http://10.0.0.7/r4/Patient/1"}');
    const splices = anchorLinks(tape, 0, { upstreamBase, gatewayBase, upstreamAliases: ['http://10.0.0.7/r4'] });
    expect(textOf(applySplices(tape.bytes, splices))).toBe(`{"reference":"${gatewayBase}/Patient/1"}`);
  });

  it('go back with the bases the other way round', () => {
    const json = `{"subject":{"reference":"${upstreamBase}/Patient/1"},"photo":[{"url":"${upstreamBase}/Binary/1"}]}`;
    const tape = tapeOf(moved(json));
    const splices = anchorLinks(tape, 0, { upstreamBase: gatewayBase, gatewayBase: upstreamBase });
    expect(textOf(applySplices(tape.bytes, splices))).toBe(json);
  });

  it('of a part are found from that part on', () => {
    const tape = tapeOf(`[{"reference":"${upstreamBase}/Patient/1"},{"reference":"${upstreamBase}/Patient/2"}]`);
    const second = tape.next[1] as number;
    const [splice, ...others] = anchorLinks(tape, second, { upstreamBase, gatewayBase });
    expect(others).toEqual([]);
    expect(splice?.text).toBe(`"${gatewayBase}/Patient/2"`);
  });
});
