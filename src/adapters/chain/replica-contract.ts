import type { ConsentView, EpochSeconds, Grant, GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import type { ConsentRegistry } from '../../ports.ts';
import type { EndpointHealth, Finality } from './endpoint.ts';

export interface RegistryReplicaOptions {
  readonly rpcUrls: readonly string[];
  readonly chainId: number;
  readonly contract: string;
  /** The block the contract was made in: no event is older. */
  readonly fromBlock?: number;
  /** How many endpoints must agree on a header; more than half of them unless given. */
  readonly quorum?: number;
  /** From when a grant counts. Revocations count from `latest` in any case. A number is a count of blocks. */
  readonly finality: Finality;
  readonly pollMs: number;
  readonly timeoutMs?: number;
  /** An untouched view is proven again this often. */
  readonly proofMs?: number;
  readonly snapshotFile?: string;
  /** Most blocks asked for at once; halved where an endpoint cannot answer so many. */
  readonly maxRange?: number;
}

export interface ReplicaMetrics {
  readonly head: number | undefined;
  readonly headTime: number | undefined;
  /** Blocks between the quorum's head and the newest view. */
  readonly lag: number | undefined;
  readonly final: number | undefined;
  readonly grants: number;
  readonly events: number;
  readonly proofs: number;
  readonly proofFailures: number;
  readonly reorgs: number;
  readonly resyncs: number;
  readonly endpoints: readonly EndpointHealth[];
  /** Why the newest head has not become a view; `undefined` when it has. */
  readonly problem: ReplicaProblem | undefined;
  /** Whether the snapshot on disk is kept up; `undefined` when there is none. */
  readonly snapshot: 'kept' | 'broken' | undefined;
}

/** Rights as the contract's bits; 0: ended. */
export interface DelegateState {
  readonly delegate: string;
  readonly rights: number;
  readonly until: EpochSeconds;
}

export type ReplicaProblem = 'no-quorum' | 'no-answer' | 'not-proven' | 'disproved';

export interface RegistryReplica extends ConsentRegistry {
  /** Resolves when the first view is there: caught up, and proven complete by the chain. Rejects only when stopped. */
  start(): Promise<void>;
  /**
   * Shuts a grant before the chain does. The caller has verified that whoever may act for the subject wants it; a grant of
   * another subject stays as it is. Without a subject the grant must be known, and is taken to be meant.
   */
  revokeOnSight(id: GrantId, subject?: SubjectKey): void;
  /** Takes back `revokeOnSight`, when the chain refused the revocation for good. */
  releaseOnSight(id: GrantId): void;
  /** Called for each grant that is shut, on sight or by the chain. Returns how to end that. */
  onRevoked(listener: (id: GrantId) => void): () => void;
  /** Called with each new view. Returns how to end that. */
  onView(listener: (view: ConsentView) => void): () => void;
  /** An active grant of the newest state, final or not. */
  grant(id: GrantId): Grant | undefined;
  controllerOf(subject: SubjectKey): string | undefined;
  mayAct(subject: SubjectKey, actor: string, right: number, now: EpochSeconds): boolean;
  delegatesOf(subject: SubjectKey): readonly DelegateState[];
  /**
   * The word in another contract's storage, proven against the newest view's block; `undefined` when there is no such
   * proof, which for an empty slot is always so.
   */
  provenWord(contract: string, slot: string): Promise<string | undefined>;
  /** Looks for news now instead of at the next poll. */
  nudge(): void;
  metrics(): ReplicaMetrics;
  stop(): Promise<void>;
}
