import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type {
  ConsentAction,
  consentPurposes,
  DataClass,
  GrantCondition,
  GranteeKind,
  SecurityLabel,
} from '../../domain/consent/grant.ts';

/** Whom the demo lets you be; one sandbox token for each. */
export interface Persona {
  readonly name: string;
  /** One line for people: who this is. */
  readonly title: string;
  readonly user: string;
  readonly fhirUser?: string;
  readonly organisation?: string;
  readonly roles: readonly string[];
  readonly purpose: string;
  readonly scope: string;
  readonly client: string;
  /** SMART launch patient. */
  readonly patient?: string;
  readonly study?: string;
}

/** What a patient of the demo signs. An empty list means any; empty labels and conditions mean none. */
export interface DemoConsent {
  readonly id: string;
  readonly patient: string;
  readonly granteeKind: GranteeKind;
  /** `Practitioner/...`, `Organization/...`, `ResearchStudy/...`, or the name of a role. */
  readonly grantee: string;
  readonly effect: 'permit' | 'deny';
  readonly actions: readonly ConsentAction[];
  readonly purposes: readonly (typeof consentPurposes)[number][];
  readonly classes: readonly DataClass[];
  readonly labels: readonly SecurityLabel[];
  readonly conditions: readonly GrantCondition[];
  /** Instants with time zone; `until` is exclusive. */
  readonly from: string;
  readonly until: string;
  /** The demo revokes it after it has shown that it works. */
  readonly revokedInDemo?: true;
  /** The demo attests its condition on chain, so that it opens. */
  readonly attestedInDemo?: true;
  readonly note: string;
}

const fixtures = new URL('../../../fixtures/', import.meta.url);

/** Folder of the synthetic hospital's Bundles. */
export const hospitalFolder: string = fileURLToPath(new URL('hospital', fixtures));

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, fixtures), 'utf8'));

export const readPersonas = (): readonly Persona[] => read('personas.json') as readonly Persona[];

export const readDemoConsents = (): readonly DemoConsent[] => read('consents.json') as readonly DemoConsent[];
