import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadProfiles, saveProfiles } from '../../../src/adapters/risk/profile-store.ts';
import { RiskContext } from '../../../src/domain/risk/context.ts';
import { createRiskEngine } from '../../../src/domain/risk/engine.ts';
import { RiskFeatures } from '../../../src/domain/risk/features.ts';
import { usualRiskPolicy } from '../../../src/domain/risk/risk-policy.ts';
import { shippedModel } from '../../domain/risk/shipped-model.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const file = join(mkdtempSync(join(tmpdir(), 'profiles-')), 'profiles');
const fresh = (): RiskFeatures => new RiskFeatures(new RiskContext());
const event = (n: number) => ({
  user: `u${n % 3}`,
  role: 'nurse',
  patient: `p${n % 7}`,
  interaction: 'read' as const,
  type: 'Patient',
});

describe('profiles on disk', () => {
  it('come back whole after a restart', () => {
    const engine = createRiskEngine({ model: shippedModel(), policy: usualRiskPolicy, features: fresh() });
    engine.observeContext({ kind: 'encounter', patient: 'p1', staff: ['u1'], start: '2026-03-01T00:00:00Z' });
    for (let n = 0; n < 50; n++) engine.observe(event(n), noon + n * 1_000);
    saveProfiles(file, engine.features);
    const features = fresh();
    expect(loadProfiles(file, features).outcome).toBe('restored');
    const again = createRiskEngine({ model: shippedModel(), policy: usualRiskPolicy, features });
    for (let n = 0; n < 10; n++)
      expect(again.assess(event(n), noon + 60_000).score).toBe(engine.assess(event(n), noon + 60_000).score);
  });

  it('that are damaged or absent let the gateway begin anew', () => {
    expect(loadProfiles(`${file}.none`, fresh()).outcome).toBe('absent');
    const bytes = readFileSync(file);
    bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
    writeFileSync(`${file}.bad`, bytes);
    expect(loadProfiles(`${file}.bad`, fresh()).outcome).toBe('damaged');
  });
});
