/** Documents that the fuzzing starts from: one for each shape that is judged. Finds are added and stay. */
export const jsonSeeds: readonly string[] = [
  '{}',
  '[]',
  '"a"',
  '[1,-0,1.00,1e400,0.1E-5,true,false,null,"",{},[]]',
  '{"a":{"b":[{"c":"d"}]},"é":"\\u00e9\\ud83d\\ude00","":0}',
  '{"resourceType":"Patient","id":"a","name":[{"family":"x"}],"link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]}',
  '{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/a"},"performer":[{"reference":"Practitioner/p"}],"valueQuantity":{"value":1.00}}',
  '{"resourceType":"Observation","subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p","link":[{"other":{"reference":"Patient/a"}}]}]}',
  '{"resourceType":"Observation","subject":{"reference":"http://ehr.example/fhir/Patient/a"},"note":[{"text":"http://ehr.example/fhir/Patient/a"}]}',
  '{"resourceType":"Group","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]}',
  '{"resourceType":"Provenance","target":[{"reference":"Observation/o"},{"reference":"Patient/a"}]}',
  '{"resourceType":"Bundle","type":"searchset","total":2,"link":[{"relation":"self","url":"http://ehr.example/fhir?x"}],"entry":[{"fullUrl":"http://ehr.example/fhir/Patient/a","resource":{"resourceType":"Patient","id":"a"},"search":{"mode":"match"}},{"resource":{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/b"}}}]}',
  '{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:1"}},"request":{"method":"POST","url":"Observation"}}]}',
  '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}},{"response":{"status":"200","outcome":{"resourceType":"OperationOutcome"}}}]}',
  '{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient","id":"a"}},{"name":"b","part":[{"name":"c","valueString":"d"},{"name":"e","resource":{"resourceType":"Observation","subject":{"reference":"Patient/a"}}}]}]}',
  '{"resourceType":"DocumentReference","subject":{"reference":"Patient/a"},"content":[{"attachment":{"url":"http://ehr.example/fhir/Binary/1"}}]}',
  // Finds.
  '{"\ufeffresourceType":"Patient","resourceType":"\ufeffObservation and more than twenty-four bytes"}',
];
