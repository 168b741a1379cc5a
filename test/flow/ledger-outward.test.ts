import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { startAuthority, type TestAuthority } from '../adapters/store/timestamp-server.ts';
import { type Rig, startRig } from './rig.ts';
import { startSecond } from './second-gateway.ts';

let rig: Rig;
let authority: TestAuthority;
beforeAll(async () => {
  [rig, authority] = await Promise.all([startRig(), startAuthority()]);
}, 60_000);
afterAll(async () => {
  await rig.close();
  await authority.close();
});

describe('a gateway that is told to', () => {
  it('sends its entries to syslog without patients, and has its checkpoint stamped so that openssl verifies it', async () => {
    let told = '';
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        told += bytes.toString();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const second = await startSecond(rig, {
      config: {
        ledger: {
          ...rig.demo.config.ledger,
          syslog: { host: '127.0.0.1', port, transport: 'tcp' },
          timestamps: { url: authority.url, everyHours: 0.001 },
        },
      },
    });
    try {
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
      await second.get('/Patient/patient-noor', 'clinician').expect(403);
      while (!/decision="deny" code="consent-not-granted"/.test(told))
        await new Promise((resolve) => setImmediate(resolve));
      expect(told).toContain('user="okafor"');
      expect(told).not.toMatch(/patient-ada|patient-noor|Byrne/);

      const folder = join(second.data, 'timestamps');
      const tokens = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.tsr'));
      while (tokens().length === 0) await new Promise((resolve) => setImmediate(resolve));
      const name = join(folder, tokens()[0] ?? '').replace(/\.tsr$/, '');
      authority.openssl('ts', '-verify', '-data', `${name}.checkpoint`, '-in', `${name}.tsr`, '-CAfile', 'cert.pem');
    } finally {
      await second.close();
      await new Promise((resolve) => server.close(resolve));
    }
  }, 60_000);

  it('sends nothing anywhere unless it is told to, and in the sandbox to nobody beyond this machine', () => {
    const { config } = rig.demo;
    expect([config.ledger.syslog, config.ledger.timestamps, config.ledger.witnesses]).toEqual([
      undefined,
      undefined,
      [],
    ]);
    const file = (ledger: object): string =>
      JSON.stringify({ ...config, profile: 'sandbox', ledger, listen: { host: '127.0.0.1', port: 0 } });
    for (const [ledger, name] of [
      [{ syslog: { host: 'logs.example' } }, 'ledger.syslog.host'],
      [{ timestamps: { url: 'https://tsa.example/' } }, 'ledger.timestamps.url'],
      [{ witnesses: [{ url: 'https://witness.example', key: 'k' }] }, 'ledger.witnesses'],
    ] as const) {
      const loaded = loadConfig({ file: { name: 'c', text: file(ledger) }, environment: {}, flags: [] });
      expect(loaded.ok ? [] : loaded.faults.map((fault) => fault.split(':')[0])).toContain(name);
    }
  });
});
