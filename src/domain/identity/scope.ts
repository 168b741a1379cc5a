import type { ResourceType } from '../fhir/interaction.ts';
import type { SearchQuery } from '../fhir/search.ts';

/** A SMART 2.2 scope on resources; v1 `.read`, `.write`, `.*` are parsed into the same letters. */
export interface Scope {
  readonly level: 'patient' | 'user' | 'system';
  readonly type: ResourceType | '*';
  readonly create: boolean;
  readonly read: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly search: boolean;
  /** Granular scope: `?category=laboratory`. Limits every interaction and every returned resource. */
  readonly only?: SearchQuery;
  readonly text: string;
}
