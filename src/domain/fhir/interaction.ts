import type { Brand } from '../brand.ts';
import type { Tape } from '../json/tape.ts';
import type { Problem } from '../problem.ts';
import type { SearchQuery } from './search.ts';

export type ResourceType = Brand<string, 'ResourceType'>;
/** FHIR id: [A-Za-z0-9\-\.]{1,64}. */
export type ResourceId = Brand<string, 'ResourceId'>;
/** The logical id of a Patient at the upstream. */
export type PatientId = Brand<string, 'PatientId'>;

/** The request headers that mean something in FHIR REST; every other header is dropped. */
export interface FhirHeaders {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: string;
  /** Conditional create, parsed like a search. */
  readonly ifNoneExist?: SearchQuery;
  readonly preferReturn?: 'minimal' | 'representation' | 'OperationOutcome';
  /** Never set by `classify`: leniency relaxes nothing here, and the upstream is always asked to be strict. */
  readonly preferHandling?: 'strict' | 'lenient';
  readonly preferAsync?: true;
}

/** A reference in a body that is a search: `Patient?identifier=…`. */
export interface ConditionalReference {
  /** The node of its text in the body. */
  readonly node: number;
  readonly type: ResourceType;
  readonly query: SearchQuery;
}

interface Common {
  readonly headers: FhirHeaders;
}

/** Every FHIR call in one normal form. What was judged is what is forwarded: the upstream request is rebuilt from this. */
export type FhirInteraction =
  | (Common & { readonly kind: 'capabilities'; readonly head?: true })
  | (Common & {
      readonly kind: 'read';
      readonly type: ResourceType;
      readonly id: ResourceId;
      readonly head: boolean;
      readonly query: SearchQuery;
    })
  | (Common & {
      readonly kind: 'vread';
      readonly type: ResourceType;
      readonly id: ResourceId;
      readonly versionId: ResourceId;
      readonly head: boolean;
    })
  | (Common & {
      readonly kind: 'search';
      /** Absent: a search over the whole system. */
      readonly type?: ResourceType;
      readonly compartment?: { readonly type: ResourceType; readonly id: ResourceId };
      readonly query: SearchQuery;
      /** It came as `POST _search`, and goes on as one: a query too long or too private for a URL stays out of it. */
      readonly form?: true;
      readonly head?: true;
      /** `query.page` is the token of a bulk export: it is asked after, or to be given up (DELETE). */
      readonly job?: 'ask' | 'cancel';
    })
  | (Common & {
      readonly kind: 'history';
      readonly type?: ResourceType;
      readonly id?: ResourceId;
      readonly query: SearchQuery;
      readonly head?: true;
    })
  | (Common & {
      readonly kind: 'create';
      readonly type: ResourceType;
      readonly body: Tape;
      readonly references?: readonly ConditionalReference[];
    })
  | (Common & {
      readonly kind: 'update';
      readonly type: ResourceType;
      /** Absent: a conditional update, `query` says which. */
      readonly id?: ResourceId;
      readonly query?: SearchQuery;
      readonly body: Tape;
      readonly references?: readonly ConditionalReference[];
    })
  | (Common & {
      readonly kind: 'patch';
      readonly type: ResourceType;
      readonly id?: ResourceId;
      readonly query?: SearchQuery;
      readonly format: 'json-patch' | 'fhirpath-patch';
      readonly body: Tape;
    })
  | (Common & {
      readonly kind: 'delete';
      readonly type: ResourceType;
      readonly id?: ResourceId;
      readonly query?: SearchQuery;
    })
  | (Common & {
      readonly kind: 'batch' | 'transaction';
      readonly body: Tape;
      readonly entries: readonly BatchEntry[];
      /** Of a batch: the entries that are not understood. They are answered in their place and never forwarded. */
      readonly refused?: readonly RefusedEntry[];
    })
  | (Common & {
      readonly kind: 'operation';
      /** Without the dollar sign. */
      readonly name: string;
      readonly type?: ResourceType;
      readonly id?: ResourceId;
      readonly method: 'GET' | 'POST';
      readonly query: SearchQuery;
      readonly body?: Tape;
    })
  | (Common & {
      readonly kind: 'graphql';
      readonly type?: ResourceType;
      readonly id?: ResourceId;
      readonly document: string;
      readonly variables?: Tape;
    });

export type InteractionKind = FhirInteraction['kind'];

export interface RefusedEntry {
  /** Index into Bundle.entry. */
  readonly index: number;
  readonly problem: Problem;
}

/** One entry of a batch or transaction: judged as if sent alone. */
export interface BatchEntry {
  /** Index into Bundle.entry. */
  readonly index: number;
  readonly fullUrl?: string;
  readonly interaction: FhirInteraction;
}
