import { readPolicyFolder } from '../../../src/adapters/policies/folder.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import { applySplices } from '../../../src/domain/json/splice.ts';
import type { CompiledPlan } from '../../../src/domain/masking/compile.ts';
import type { MaskingContext } from '../../../src/domain/masking/plan.ts';
import { maskResource } from '../../../src/domain/masking/walk.ts';
import { isOther } from '../../../src/domain/policy/draft.ts';
import { faultLine } from '../../../src/domain/policy/fault.ts';
import { compilePolicySet, type PolicySet } from '../../../src/domain/policy/policy-set.ts';
import type { PolicyFile } from '../../../src/domain/policy/source.ts';

export const shippedFiles = (): readonly PolicyFile[] =>
  readPolicyFolder('policies').filter((file) => !isOther(file.name));

export const setOf = (files: readonly PolicyFile[]): PolicySet => {
  const load = compilePolicySet(files);
  if (!load.ok) throw new Error(load.faults.map(faultLine).join('\n'));
  return load.set;
};

let shipped: PolicySet | undefined;
export const shippedSet = (): PolicySet => {
  shipped ??= setOf(shippedFiles());
  return shipped;
};

export const planOf = (role: string, purpose: string): CompiledPlan => {
  const plan = shippedSet().planFor({ roles: [role], purpose });
  if (plan === undefined) throw new Error(`no plan for ${role}`);
  return plan;
};

const key = new Uint8Array(32).fill(9);
export const context: MaskingContext = { asOf: '2026-11-22', key: () => key };

/** The masked text, or the reason why the resource is withheld. */
export const maskText = (json: string, plan: CompiledPlan, given: MaskingContext = context): string => {
  const bytes = new TextEncoder().encode(json);
  const scanned = scan(bytes);
  if (!scanned.ok) throw new Error(`${scanned.fault.code} at ${scanned.fault.offset}`);
  const masked = maskResource(scanned.tape, 0, plan, given);
  return masked.kind === 'masked'
    ? new TextDecoder().decode(applySplices(bytes, masked.splices))
    : `withheld: ${masked.reason}`;
};

export const mask = (resource: unknown, plan: CompiledPlan, given: MaskingContext = context): unknown =>
  JSON.parse(maskText(JSON.stringify(resource), plan, given));

/** A plan of one rule over a policy that otherwise keeps all, to look at one method alone. */
export const planOfRule = (rule: string, more = ''): CompiledPlan => {
  const text = `policy: one\nroles: [r]\npurposes: [TREAT]\nunnamed: keep\nextensions: keep\nunknown: keep\n${more}\nrules:\n  - id: one\n${rule
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')}\n`;
  const plan = setOf([{ name: 'one.yaml', text }]).planFor({ roles: ['r'], purpose: 'TREAT' });
  if (plan === undefined) throw new Error('no plan');
  return plan;
};
