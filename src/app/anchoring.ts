import type { LedgerAnchorClient } from '../adapters/chain/anchor.ts';
import { AnchorRefusedError } from '../adapters/chain/anchor.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import type { Instant } from '../domain/instant.ts';
import type { Clock, Telemetry } from '../ports.ts';

export interface Anchoring {
  /** The newest root that this gateway knows to be on chain, and when it learnt so. */
  last(): { readonly size: number; readonly at: Instant } | undefined;
  /** The chain knows another history of this log. */
  refused(): boolean;
  stop(): Promise<void>;
}

/**
 * Anchors the published root every interval. What fails is tried again at the next one: the chain may be away for a while, and
 * the consistency proof always starts from what it holds. A refusal means the chain knows another history: alarm, and no more.
 */
export function anchorLedger(
  ledger: FilesLedger,
  client: LedgerAnchorClient,
  seconds: number,
  telemetry: Telemetry,
  clock: Clock,
): Anchoring {
  let running: Promise<void> = Promise.resolve();
  let refused = false;
  let known: { readonly size: number; readonly at: Instant } | undefined;
  const anchorOnce = async (): Promise<void> => {
    if (refused || !ledger.leads()) return;
    try {
      const last = await client.latest(ledger.origin);
      const from = last?.size ?? 0;
      if (from > (known?.size ?? 0)) known = { size: from, at: clock.now() };
      const { checkpoint, path } = await ledger.consistency(from);
      if (checkpoint.size > from) {
        await client.anchor({
          origin: ledger.origin,
          size: checkpoint.size,
          root: hex(checkpoint.root),
          oldSize: from,
          proof: path.map(hex),
        });
        known = { size: checkpoint.size, at: clock.now() };
        telemetry.gauge('ledger_anchored_size', checkpoint.size);
      }
    } catch (error) {
      // `Stale`: another anchor came in between; the next round starts from what the chain holds now.
      if (error instanceof AnchorRefusedError && error.reason !== 'Stale') refused = true;
      telemetry.failed('anchor', error instanceof Error ? error.name : typeof error);
    }
  };
  let idle = true;
  const timer = setInterval(() => {
    if (!idle) return;
    idle = false;
    running = anchorOnce().finally(() => {
      idle = true;
    });
  }, seconds * 1000);
  timer.unref();
  return {
    last: () => known,
    refused: () => refused,
    async stop() {
      clearInterval(timer);
      await running;
      await client.stop();
    },
  };
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;
