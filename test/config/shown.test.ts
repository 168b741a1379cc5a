import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { shownSettings } from '../../src/config/shown.ts';

const file = `
organisation: Organization/o1
upstream: { url: "https://user:pa55@fhir.example/r4?token=t0ken", bearer: "env:UPSTREAM_TOKEN" }
issuers: [{ issuer: "https://login.example/realm", audience: a, jwksUri: "https://login.example/jwks" }]
chain:
  rpcUrls: ["https://chain.example/v3/pr0jectkey"]
  chainId: 1
  consentRegistry: "0x0000000000000000000000000000000000000001"
vaultKey: env:VAULT_KEY
threatFeeds: { exploited: "https://feeds.example/k3y/list.json" }
`;
const loaded = loadConfig({
  file: { name: 'c.yaml', text: file },
  environment: { CONSENTRY_LISTEN__PORT: '9000', VAULT_KEY: 'the-secret-itself', UPSTREAM_TOKEN: 'another' },
  flags: ['limits.pageSize=50'],
});
if (!loaded.ok) throw new Error(loaded.faults.join('\n'));
const settings = shownSettings(loaded.loaded.config, loaded.loaded.origins);
const of = (path: string) => settings.find((each) => each.path === path);

describe('the configuration as people see it', () => {
  it('says where each value came from', () => {
    expect([of('listen.port'), of('limits.pageSize'), of('chain.chainId'), of('chain.pollMs')]).toEqual([
      { path: 'listen.port', value: '9000', origin: 'environment' },
      { path: 'limits.pageSize', value: '50', origin: 'flag' },
      { path: 'chain.chainId', value: '1', origin: 'file' },
      { path: 'chain.pollMs', value: '1000', origin: 'default' },
    ]);
    expect(of('issuers.0.issuer')).toEqual({
      path: 'issuers.0.issuer',
      value: 'https://login.example/realm',
      origin: 'file',
    });
  });

  it('names secrets and shows none, in whatever part of an address they stand', () => {
    expect(of('vaultKey')?.value).toBe('env:VAULT_KEY');
    expect(of('upstream.url')?.value).toBe('https://fhir.example/r4');
    expect(of('chain.rpcUrls.0')?.value).toBe('https://chain.example/…');
    expect(of('threatFeeds.exploited')?.value).toBe('https://feeds.example/…');
    expect(JSON.stringify(settings)).not.toMatch(/pa55|t0ken|pr0jectkey|k3y|the-secret|another/);
  });
});

describe('how long the ledger is kept', () => {
  it.each([
    [['years=6'], true],
    [['years=5'], false],
    [['years=5', 'underSixYears=true'], true],
    [['years=0', 'underSixYears=true'], false],
    [['underSixYears=true'], false],
  ])('is six years or more, unless less is said to be meant: %j', (settings, ok) => {
    const flags = settings.map((setting) => `ledger.retention.${setting}`);
    const { ok: loads } = loadConfig({ file: { name: 'c.yaml', text: file }, environment: {}, flags });
    expect(loads).toBe(ok);
  });
});

describe('a setting that is missing', () => {
  it('is told once, with what it is for', () => {
    const result = loadConfig({
      file: { name: 'c.yaml', text: file.replace(/^organisation.*$/m, '') },
      environment: {},
      flags: [],
    });
    expect(result.ok ? [] : result.faults).toEqual([expect.stringMatching(/^c\.yaml: organisation is missing\. \w/)]);
  });
});
