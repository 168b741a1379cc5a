import type { FhirInteraction } from '../domain/fhir/interaction.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Instant } from '../domain/instant.ts';
import type { ProblemCode } from '../domain/problem.ts';
import type { Answer } from './answer.ts';

/** A call for resources that the gateway itself keeps: the state of consent, the audit of accesses. */
export interface OwnCall {
  readonly interaction: FhirInteraction;
  readonly principal: Principal;
  readonly requestId: string;
  readonly now: Instant;
}

export interface OwnResources {
  /** True for calls that may be answered here; scopes and role are then asked before `answer` is. */
  serves(interaction: FhirInteraction): boolean;
  /** What has to be sent alone to be served here: the refusal of an entry of a batch, where the FHIR server would answer instead. */
  refusesInBatch(interaction: FhirInteraction): ProblemCode | undefined;
  /** Judges and records by itself. `undefined`: the FHIR server's after all, and the stages go on. */
  answer(call: OwnCall): Promise<Answer | undefined>;
}
