import { readRiskPolicy } from '../risk/risk-policy.ts';
import { reaches } from '../risk/score.ts';
import type { PolicyDocument } from './document.ts';
import type { PolicyFault } from './fault.ts';
import { nearestName } from './nearest.ts';
import { positionedYaml } from './positioned-yaml.ts';
import type { PolicyFile } from './source.ts';

export interface RaisedOverlay {
  readonly overlay?: string;
  readonly faults: readonly PolicyFault[];
}

/**
 * The overlay by which `risk.yaml` masks more of a risky call. A ladder that asks for one that is not there is a fault: the calls it is for
 * would be refused.
 */
export function raisedOverlay(
  files: readonly PolicyFile[],
  documents: readonly Pick<PolicyDocument, 'policy' | 'overlay'>[] | undefined,
): RaisedOverlay {
  const file = files.find(({ name }) => name === 'risk.yaml');
  if (file === undefined) return { faults: [] };
  const fault = (line: number, column: number, text: string, nearest?: string): RaisedOverlay => ({
    faults: [{ severity: 'error', file: file.name, line, column, text, ...(nearest === undefined ? {} : { nearest }) }],
  });
  const parsed = positionedYaml(file.text);
  if (!parsed.ok) {
    const [first] = parsed.faults;
    return fault(first?.line ?? 1, first?.column ?? 1, first?.message ?? 'The file is not YAML.');
  }
  const policy = readRiskPolicy(parsed.document.value);
  if ('fault' in policy) return fault(1, 1, policy.text);
  const { overlay } = policy.maskMore;
  const found = documents?.find((document) => document.policy === overlay);
  const asksForIt = reaches(policy.scoreCap, 'mask-more') || reaches(policy.documentedCap, 'mask-more');
  if (documents !== undefined && asksForIt && found?.overlay !== true) {
    const { line, column } = parsed.document.at(['maskMore', 'overlay']);
    const overlays = documents.filter((document) => document.overlay).map((document) => document.policy);
    return fault(
      line,
      column,
      `The ladder masks more by the overlay \`${overlay}\`, and no policy of this folder is an overlay of that name.`,
      nearestName(overlay, overlays),
    );
  }
  return { overlay, faults: [] };
}
