import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import type { Config } from '../../src/config/schema.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { startTaxii, type TaxiiServer, taxiiAuthorization } from '../adapters/risk/taxii-server.ts';
import { type Rig, startRig } from './rig.ts';
import { type Second, startSecond } from './second-gateway.ts';

let rig: Rig;
let server: TaxiiServer;
const folder = mkdtempSync(join(tmpdir(), 'consentry-feeds-'));
beforeAll(async () => {
  rig = await startRig();
  server = await startTaxii([
    {
      added: '2026-03-01T00:00:00.000Z',
      object: {
        type: 'indicator',
        id: 'indicator--1',
        modified: '2026-03-01T00:00:00Z',
        pattern: "[ipv4-addr:value = '203.0.113.9'] OR [ipv4-addr:value = '192.0.2.77']",
        pattern_type: 'stix',
        confidence: 100,
      },
    },
  ]);
  writeFileSync(join(folder, 'partner.secret'), taxiiAuthorization);
  writeFileSync(join(folder, 'list.netset'), '127.0.0.0/8\n198.51.100.0/24\n');
  const { software } = (await fetch(`${rig.demo.fhir.url}/metadata`).then((response) => response.json())) as {
    software: { name: string };
  };
  writeFileSync(
    join(folder, 'kev.json'),
    JSON.stringify({ vulnerabilities: [{ cveID: 'CVE-2026-1001', product: software.name }] }),
  );
}, 60_000);
afterAll(async () => {
  await server.close();
  await rig.close();
  rmSync(folder, { recursive: true, force: true });
});

const withFeeds = async (
  threatFeeds: Partial<Config['threatFeeds']>,
  more: Parameters<typeof startSecond>[1] = {},
): Promise<Second> => {
  const second = await startSecond(rig, {
    ...more,
    config: {
      trustProxy: ['127.0.0.1'],
      threatFeeds: { ...rig.demo.config.threatFeeds, ...threatFeeds },
    },
  });
  await second.gateway.threats.first;
  return second;
};

const riskOf = async (second: Second, ip: string) => {
  const response = await supertest(second.gateway.url)
    .get('/fhir/Patient/patient-ada')
    .set('authorization', `Bearer ${await rig.token('clinician')}`)
    .set('x-forwarded-for', ip);
  const found = await second.gateway.ledger.find(String(response.headers['x-request-id']));
  return { status: response.status, ...found?.entry.risk };
};

describe('threat feeds of the running gateway', () => {
  it('raise the score of a call from an address on them, tell why, and do not decide alone', async () => {
    const second = await withFeeds({
      servers: [{ name: 'partner', url: server.url, authorization: `file:${join(folder, 'partner.secret')}` }],
      folder,
      ownNetworks: ['192.0.2.0/24'],
    });
    try {
      const plain = await riskOf(second, '203.0.113.8');
      const hit = await riskOf(second, '203.0.113.9');
      expect(hit.status).toBe(200);
      expect(hit.score ?? 0).toBeGreaterThan((plain.score ?? 1) * 2);
      expect(hit.reasons).toContain('threat-feed');
      expect((await riskOf(second, '198.51.100.4')).reasons).toContain('threat-feed');
      // Private networks and those of the house are never named, whatever a list says.
      expect((await riskOf(second, '127.0.0.1')).reasons).not.toContain('threat-feed');
      expect((await riskOf(second, '192.0.2.77')).reasons).not.toContain('threat-feed');
      expect(second.gateway.threats.status()).toMatchObject({
        feeds: [
          { name: 'partner', kind: 'taxii', indicators: 1, excluded: 1, stale: false, failed: false },
          { name: 'folder/list.netset', kind: 'file', indicators: 1, excluded: 1, stale: false },
        ],
        upstream: { exploited: [{ cve: 'CVE-2026-1001' }] },
      });
      const metrics = await supertest(second.gateway.url).get('/metrics');
      expect(metrics.text).toContain('consentry_gauge{name="threat_upstream_exploited"} 1');
    } finally {
      await second.close();
    }
  });

  it('that are not renewed lose weight and raise the alarm', async () => {
    let ahead = 0;
    const second = await withFeeds(
      { servers: [{ name: 'partner', url: server.url, authorization: `file:${join(folder, 'partner.secret')}` }] },
      { clock: { now: () => (Date.now() + ahead) as Instant } },
    );
    try {
      expect(second.gateway.threats.status().feeds).toMatchObject([{ stale: false, weight: 1 }]);
      ahead = 96 * 3_600_000;
      expect(second.gateway.threats.status().feeds).toMatchObject([{ stale: true }]);
      expect(second.gateway.threats.status().feeds[0]?.weight).toBeCloseTo(0.25, 2);
    } finally {
      await second.close();
    }
  });

  it('that cannot be had are told as failed, and calls are served', async () => {
    const second = await withFeeds({
      servers: [{ name: 'partner', url: server.url }],
      folder: join(folder, 'absent'),
    });
    try {
      expect(second.gateway.threats.status().feeds).toMatchObject([
        { name: 'partner', indicators: 0, stale: true, failed: true },
      ]);
      expect((await riskOf(second, '203.0.113.9')).status).toBe(200);
      const metrics = await supertest(second.gateway.url).get('/metrics');
      expect(metrics.text).toContain('consentry_gauge{name="threat_feeds_stale"} 1');
      expect(metrics.text).toContain('consentry_failures_total{part="threat-feed",error="FeedFailure"}');
    } finally {
      await second.close();
    }
  });
});
