import type { ResourceType } from './interaction.ts';

/** One `name=value` pair of a search, parsed. Values are decoded; `raw` re-encodes to the normal form. */
export interface SearchCriterion {
  /** The search parameter's code, without modifier or chain: `subject` of `subject:Patient.name:exact`. */
  readonly code: string;
  readonly modifier?: string;
  /** The rest of a chain, each hop with its type where named: `subject:Patient.name` has one hop. */
  readonly chain: readonly ChainHop[];
  /** `_has:Type:reference:parameter` hops, outermost first. */
  readonly has: readonly { readonly type: ResourceType; readonly reference: string }[];
  /** Comma-separated alternatives, unescaped. */
  readonly values: readonly string[];
  /** The parameter's name as in the normal form, modifiers and chains included. */
  readonly name: string;
  /** The value as in the normal form, before URL encoding. */
  readonly value: string;
}

export interface ChainHop {
  readonly type?: ResourceType;
  readonly code: string;
  readonly modifier?: string;
}

export interface SearchInclude {
  readonly direction: 'include' | 'revinclude';
  readonly iterate: boolean;
  readonly source: ResourceType;
  readonly code: string;
  readonly target?: ResourceType;
}

/** A parsed query. The order of criteria is that of the request. */
export interface SearchQuery {
  readonly criteria: readonly SearchCriterion[];
  readonly includes: readonly SearchInclude[];
  readonly sort: readonly { readonly code: string; readonly descending: boolean }[];
  readonly elements?: readonly string[];
  readonly summary?: 'true' | 'text' | 'data' | 'count' | 'false';
  readonly count?: number;
  readonly total?: 'none' | 'estimate' | 'accurate';
  /** Result parameters that pass unjudged to the upstream: none by default. */
  readonly page?: string;
}
