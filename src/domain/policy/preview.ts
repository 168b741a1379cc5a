import { scan } from '../json/scan.ts';
import { applySplices } from '../json/splice.ts';
import { explainMask, type MaskedElement } from '../masking/explain.ts';
import { nearestName } from './nearest.ts';
import type { PolicySet } from './policy-set.ts';

/** For whom a resource is looked at. */
export interface PreviewRequest {
  /** One role, or several joined by `+`. */
  readonly role: string;
  /** Absent: the usual one of the role. */
  readonly purpose?: string;
  readonly client?: string;
  readonly organisation?: string;
  readonly study?: string;
  readonly overlays?: readonly string[];
  /** Day from which ages are reckoned. */
  readonly asOf: string;
  /** For pseudonyms and date shifts; absent: one that everybody knows. */
  readonly key?: Uint8Array;
}

export interface Preview {
  readonly ok: true;
  readonly role: string;
  readonly purpose: string;
  readonly plan: string;
  /** The masked text; absent: the resource is withheld, and why. */
  readonly masked?: string;
  readonly withheld?: string;
  readonly elements: readonly MaskedElement[];
}

/** `input`: the question cannot be put. `closed`: nothing leaves for this role. */
export interface NoPreview {
  readonly ok: false;
  readonly why: 'input' | 'closed';
  readonly role: string;
  readonly text: string;
}

/** A preview without a key uses one that everybody knows: its pseudonyms are for looking at. */
const previewKey = new TextEncoder().encode('consentry preview: a key that protects nothing');

/** A resource as a role would get it, with the rule and the line behind each element that is not as it was. */
export const previewOf = (set: PolicySet, request: PreviewRequest, bytes: Uint8Array): Preview | NoPreview => {
  const { role, overlays = [] } = request;
  const no = (why: NoPreview['why'], text: string): NoPreview => ({ ok: false, why, role, text });
  const purpose = request.purpose ?? set.usualPurpose(role.split('+')[0] ?? '');
  if (purpose === undefined) {
    const nearest = nearestName(role, set.roles);
    const hint = nearest === undefined ? `Roles: ${set.roles.join(', ')}.` : `Did you mean ${nearest}?`;
    return no('input', `No policy names the role ${role}. ${hint}`);
  }
  if (!/^\d{4}-\d{2}-\d{2}$/.test(request.asOf)) return no('input', 'The day must be a date such as 2026-11-22.');
  const who = {
    roles: role.split('+'),
    purpose,
    ...(request.client === undefined ? {} : { client: request.client }),
    ...(request.organisation === undefined ? {} : { organisation: request.organisation }),
    ...(request.study === undefined ? {} : { study: request.study }),
  };
  const chosen = set.planFor(who);
  if (chosen === undefined)
    return no('closed', `No masking policy covers the role ${role} for the purpose ${purpose}.`);
  const plan = overlays.length === 0 ? chosen : set.narrowed(chosen, overlays, who);
  if (plan === undefined) return no('input', 'An overlay is not among the policies.');
  const scanned = scan(bytes);
  if (!scanned.ok) {
    const { code, offset } = scanned.fault;
    return no('input', `The resource is not JSON that can be judged (${code} at byte ${offset}).`);
  }
  const key = request.key ?? previewKey;
  const { result, elements } = explainMask(scanned.tape, 0, plan, { asOf: request.asOf, key: () => key });
  return {
    ok: true,
    role,
    purpose,
    plan: plan.id,
    ...(result.kind === 'unmaskable'
      ? { withheld: result.reason }
      : { masked: new TextDecoder().decode(applySplices(bytes, result.splices)) }),
    elements,
  };
};
