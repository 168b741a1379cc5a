import { timeSpan } from '../consent/fhir-time.ts';
import type { EpochSeconds } from '../consent/grant.ts';

/** What a researcher's credential entitles to ask for; access itself still needs the patients' grants. */
export interface Researcher {
  readonly institution: string;
  /** `ResearchStudy/s1`. */
  readonly study: string;
  /** The earlier of the credential's end and that of the ethics approval. */
  readonly until: EpochSeconds;
}

/** `vct` of the credentials that say so. */
export const researcherCredential = 'urn:consentry:credential:researcher';

/** Undefined when a claim is missing: institution, study and an ethics approval with its end are all needed. */
export const researcherOf = (claims: Readonly<Record<string, unknown>>, expires: number): Researcher | undefined => {
  const { institution, study, ethics_approval: approval } = claims;
  if (typeof institution !== 'string' || institution === '' || typeof study !== 'string') return undefined;
  if (!/^ResearchStudy\/[A-Za-z0-9.-]{1,64}$/.test(study)) return undefined;
  if (typeof approval !== 'object' || approval === null || !('until' in approval)) return undefined;
  const end = typeof approval.until === 'string' ? timeSpan(approval.until) : undefined;
  if (end === undefined) return undefined;
  return { institution, study, until: Math.floor(Math.min(expires, end.until / 1000)) as EpochSeconds };
};
