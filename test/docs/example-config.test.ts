import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { loadConfig, settingNames } from '../../src/config/load.ts';

const file = 'examples/consentry.yaml';

describe('the example configuration', () => {
  const result = loadConfig({ environment: {}, flags: [], file: { name: file, text: readFileSync(file, 'utf8') } });

  it('loads without a fault', () => {
    expect(result).toMatchObject({ ok: true });
  });

  it('names its secrets and holds none', () => {
    const { config } = result.ok ? result.loaded : { config: undefined };
    for (const secret of [config?.vaultKey, config?.maskingKey, config?.chain.relayerKey, config?.upstream.bearer])
      expect(secret).toMatch(/^(env|file):/);
  });
});

describe('the page on configuration', () => {
  it('has every setting', () => {
    const page = readFileSync('docs/configuration.md', 'utf8');
    const missing = settingNames().filter((path) => !page.includes(`| \`${path.join('.')}\` |`));
    expect(missing).toEqual([]);
  });
});
