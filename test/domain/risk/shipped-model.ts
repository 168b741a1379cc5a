import { readFileSync } from 'node:fs';
import { loadModel, type RiskModel } from '../../../src/domain/risk/model.ts';

/** The model that the repository ships. */
export const shippedModel = (): RiskModel => {
  const model = loadModel(JSON.parse(readFileSync(new URL('../../../models/risk.json', import.meta.url), 'utf8')));
  if ('fault' in model) throw new Error(model.text);
  return model;
};
