import { type Circumstances, followCircumstances } from '../adapters/chain/circumstances.ts';
import type { Relayer } from '../adapters/chain/relayer.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { Tape } from '../domain/json/tape.ts';
import type { Clock, ConsentRegistry, Telemetry } from '../ports.ts';

export interface CircumstanceParts {
  readonly registry: ConsentRegistry;
  readonly keys: Vault;
  readonly relayer: Relayer;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export interface CircumstanceWatch {
  /** Nobody waits for the chain here. */
  seen(tape: Tape, node: number): void;
  gone(id: string): void;
  /** When the FHIR server's present facts are known. */
  begin(): void;
  stop(): void;
}

const renewMs = 600_000;

/** A specialist sees imaging only while consent is active and the referral stands; a ward only while the patient is there. */
export function watchCircumstances(parts: CircumstanceParts): CircumstanceWatch {
  const { registry, keys, relayer: relay, clock } = parts;
  const circumstances: Circumstances = followCircumstances({ registry, keys, relay, clock });
  let timer: NodeJS.Timeout | undefined;
  const carry = (work: Promise<void> | undefined): void => {
    work?.catch((error: unknown) =>
      parts.telemetry.failed('circumstance', error instanceof Error ? error.name : typeof error),
    );
  };
  return {
    seen: (tape, node) => carry(circumstances.seen(tape, node)),
    gone: (id) => carry(circumstances.gone(id)),
    begin() {
      carry(circumstances.settle());
      timer = setInterval(() => carry(circumstances.settle()), renewMs);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}
