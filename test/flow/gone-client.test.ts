import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import type { GrantId } from '../../src/domain/consent/grant.ts';
import { type House, startHouse } from '../security/house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
  const granted = await supertest(house.rig.demo.gateway.url)
    .post('/api/v1/consents')
    .set('authorization', `Bearer ${house.bearer('patient')}`)
    .send({
      grants: [
        {
          grantee: { kind: 'person', reference: 'Practitioner/practitioner-okafor' },
          actions: ['read', 'delete'],
          purposes: ['TREAT'],
        },
      ],
    });
  const id = (granted.body as { granted: { id: GrantId }[] }).granted[0]?.id as GrantId;
  while (house.gateway.replica.grant(id) === undefined) await new Promise(setImmediate);
}, 60_000);
afterAll(() => house.close());

const observation = JSON.stringify({
  resourceType: 'Observation',
  id: 'weight',
  meta: { versionId: '1' },
  status: 'final',
  code: { text: 'weight' },
  subject: { reference: 'Patient/patient-ada' },
});

describe('a client that is gone before the FHIR server answers', () => {
  it('leaves in the ledger what came of its write, and not only that it was meant', async () => {
    const { ledger } = house.gateway;
    const asked = Promise.withResolvers<ServerResponse>();
    house.impersonate((incoming, outgoing) => {
      if (incoming.method === 'DELETE') asked.resolve(outgoing);
      else outgoing.writeHead(200, { 'content-type': 'application/fhir+json' }).end(observation);
    });
    const before = ledger.size();
    const socket = connect((house.gateway.app.server.address() as AddressInfo).port, '127.0.0.1');
    const accepted = once(house.gateway.app.server, 'connection');
    socket.write(
      `DELETE /fhir/Observation/weight HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${house.bearer('clinician')}\r\n\r\n`,
    );
    const [[served], outgoing] = await Promise.all([accepted, asked.promise]);
    const closed = once(served, 'close');
    socket.destroy();
    await closed;
    outgoing.writeHead(204).end();
    while (ledger.size() < before + 2) await new Promise(setImmediate);
    const written = await ledger.open(before + 1);
    expect(written?.entry).toMatchObject({ kind: 'write', decision: 'permit', outcome: { status: 204 } });
  }, 30_000);
});
