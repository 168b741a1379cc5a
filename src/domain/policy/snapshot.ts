import { sha256 } from '@noble/hashes/sha2.js';
import type { DataClassifier } from '../consent/classifier.ts';
import type { ConsentPolicy } from '../consent/policy.ts';
import { type CohortPolicy, parseCohortPolicy } from './cohort-policy.ts';
import { parseConsentPolicy } from './consent-policy.ts';
import { parseDataClasses } from './data-classes-file.ts';
import { isOther } from './draft.ts';
import type { PolicyFault } from './fault.ts';
import { compilePolicySet, type PolicySet } from './policy-set.ts';
import { raisedOverlay } from './raised-overlay.ts';
import { parseRolePolicy, type RolePolicy } from './role-policy.ts';
import type { PolicyFile } from './source.ts';

/** One immutable set of everything that people wrote as policy; a request takes one and names its hash in the ledger. */
export interface PolicySnapshot {
  /** SHA-256 over names and texts of all files, in hex. */
  readonly hash: string;
  readonly masking: PolicySet;
  readonly consent: ConsentPolicy;
  readonly classifier: DataClassifier;
  readonly roles: RolePolicy;
  /** Absent: cohorts are not counted for anybody. */
  readonly cohorts?: CohortPolicy;
  /** The overlay that masks more of a risky call. Absent: such a call is refused. */
  readonly raised?: string;
}

export type PolicyLoad =
  | { readonly ok: true; readonly snapshot: PolicySnapshot }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] };

/** All or nothing: one fault in one file, or one red test, and the set does not load. */
export function compileSnapshot(files: readonly PolicyFile[], upstream: string): PolicyLoad {
  const faults: PolicyFault[] = [];
  const roles = roleFile(files, faults);
  const consent = consentFile(files, upstream, faults);
  const cohorts = cohortFile(files, faults);
  const classes = parseDataClasses(
    files.filter((file) => file.name.startsWith('data-classes/')).map(({ name, text }) => ({ file: name, text })),
  );
  if (!classes.ok) faults.push(...classes.faults);
  const masking = compilePolicySet(files.filter((file) => !isOther(file.name)));
  if (!masking.ok) faults.push(...masking.faults);
  const raised = raisedOverlay(files, masking.ok ? masking.set.documents : undefined);
  faults.push(...raised.faults);
  if (
    roles === undefined ||
    consent === undefined ||
    cohorts === 'faulty' ||
    !classes.ok ||
    !masking.ok ||
    raised.faults.length > 0
  )
    return { ok: false, faults };
  return {
    ok: true,
    snapshot: {
      hash: snapshotHash(files),
      masking: masking.set,
      consent,
      classifier: classes.classifier,
      roles,
      ...(cohorts === undefined ? {} : { cohorts }),
      ...(raised.overlay === undefined ? {} : { raised: raised.overlay }),
    },
  };
}

function roleFile(files: readonly PolicyFile[], faults: PolicyFault[]): RolePolicy | undefined {
  const file = find(files, 'roles.yaml', faults);
  if (file === undefined) return undefined;
  const parsed = parseRolePolicy(file);
  if (parsed.ok) return parsed.policy;
  faults.push(...parsed.faults);
  return undefined;
}

function consentFile(files: readonly PolicyFile[], upstream: string, faults: PolicyFault[]): ConsentPolicy | undefined {
  const file = find(files, 'consent.yaml', faults);
  if (file === undefined) return undefined;
  const parsed = parseConsentPolicy(file.name, file.text);
  if (parsed.ok) return parsed.policyFor(upstream);
  faults.push(...parsed.faults);
  return undefined;
}

function cohortFile(files: readonly PolicyFile[], faults: PolicyFault[]): CohortPolicy | 'faulty' | undefined {
  const file = files.find(({ name }) => name === 'cohorts.yaml');
  if (file === undefined) return undefined;
  const parsed = parseCohortPolicy(file.name, file.text);
  if (parsed.ok) return parsed.policy;
  faults.push(...parsed.faults);
  return 'faulty';
}

function find(files: readonly PolicyFile[], name: string, faults: PolicyFault[]): PolicyFile | undefined {
  const file = files.find((each) => each.name === name);
  if (file === undefined)
    faults.push({ severity: 'error', file: name, line: 1, column: 1, text: 'The policy folder lacks this file.' });
  return file;
}

/** The hash that ledger entries name: over every file, the roles and consent policies too. */
export function snapshotHash(files: readonly PolicyFile[]): string {
  const encoder = new TextEncoder();
  const digest = sha256.create();
  for (const { name, text } of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const part of [name, text]) {
      const bytes = encoder.encode(part);
      digest.update(encoder.encode(`${bytes.length}:`));
      digest.update(bytes);
    }
  }
  return Array.from(digest.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
