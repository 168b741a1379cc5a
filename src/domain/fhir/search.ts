import type { ResourceType } from './interaction.ts';

/** One `name=value` pair of a search, parsed. Values are decoded; `raw` re-encodes to the normal form. */
export interface SearchCriterion {
  /** The search parameter's code, without modifier or chain: `subject` of `subject:Patient.name:exact`. */
  readonly code: string;
  readonly modifier?: string;
  /** The rest of a chain, each hop with its type where named: `subject:Patient.name` has one hop. */
  readonly chain: readonly ChainHop[];
  /** `_has:Type:reference:parameter` hops, outermost first. */
  readonly has: readonly ReverseHop[];
  /** Comma-separated alternatives, unescaped. Where `|` or `$` matters, read `value` with `splitAt` and `tokenParts`. */
  readonly values: readonly string[];
  /** The parameter's name as in the normal form, modifiers and chains included. */
  readonly name: string;
  /** The value as in the normal form, before URL encoding. */
  readonly value: string;
}

/** One step back along a reference: the resources of `type` whose `reference` points here. */
export interface ReverseHop {
  readonly type: ResourceType;
  readonly reference: string;
}

export interface ChainHop {
  readonly type?: ResourceType;
  /** `patient._has:Group:member:_id`: from here back along these references, and there `code`. */
  readonly has?: readonly ReverseHop[];
  readonly code: string;
  readonly modifier?: string;
}

export interface SearchSort {
  readonly code: string;
  readonly descending: boolean;
}

export interface SearchInclude {
  readonly direction: 'include' | 'revinclude';
  readonly iterate: boolean;
  readonly source: ResourceType;
  /** `*`: every reference of the source. */
  readonly code: string;
  readonly target?: ResourceType;
}

/** A parsed query. The order of criteria is that of the request. */
export interface SearchQuery {
  readonly criteria: readonly SearchCriterion[];
  readonly includes: readonly SearchInclude[];
  readonly sort: readonly SearchSort[];
  readonly elements?: readonly string[];
  readonly summary?: 'true' | 'text' | 'data' | 'count' | 'false';
  readonly count?: number;
  readonly total?: 'none' | 'estimate' | 'accurate';
  /** `_contained` and `_containedType`: whether to look into contained resources, and which to return. */
  readonly contained?: 'true' | 'false' | 'both';
  readonly containedType?: 'container' | 'contained';
  /** The gateway's own paging token, alone in its query; it never goes to the upstream. */
  readonly page?: string;
}
