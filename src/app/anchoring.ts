import { AnchorRefusedError, type AnchorRequest, type LedgerAnchorClient } from '../adapters/chain/anchor.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import { nodeHashing } from '../adapters/store/node-hash.ts';
import { readRemoteLogs } from '../adapters/store/remote-log.ts';
import type { Config } from '../config/schema.ts';
import type { Instant } from '../domain/instant.ts';
import type { Checkpoint } from '../domain/ledger/checkpoint.ts';
import { firstOriginOf } from '../domain/ledger/half-year.ts';
import type { Hash } from '../domain/ledger/merkle.ts';
import { parseVerifierKey, type VerifierKey } from '../domain/ledger/note.ts';
import type { Clock, Telemetry } from '../ports.ts';

export interface Anchoring {
  /** How many entries this gateway knows to be under a root on chain, and when it learnt so. */
  last(): { readonly size: number; readonly at: Instant } | undefined;
  /** The chain knows another history of a log of this gateway. */
  refused(): boolean;
  stop(): Promise<void>;
}

interface Anchorable {
  readonly checkpoint: Checkpoint;
  consistency(from: number): Promise<readonly Hash[]>;
}

interface Due extends AnchorRequest {
  readonly own: boolean;
}

/**
 * Anchors the published roots every interval: the logs of this gateway, and those of others of its house that are named, in
 * one transaction. What fails is tried again at the next one: the chain may be away for a while, and a consistency proof
 * always starts from what it holds. A refusal means the chain knows another history: alarm, and no more of that log.
 */
export function anchorLedger(parts: {
  readonly ledger: Pick<FilesLedger, 'logs' | 'leads'>;
  readonly client: LedgerAnchorClient;
  readonly config: Pick<Config['ledger'], 'anchorSeconds' | 'anchorFor'>;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}): Anchoring {
  const { ledger, client, config, telemetry, clock } = parts;
  const others = config.anchorFor.map(({ url, key }, i) => ({ url, key: verifierKeyOf(key, i) }));
  const refused = new Set<string>();
  /** What the chain holds of each log, as far as it was asked. */
  const anchored = new Map<string, number>();
  let known: { readonly size: number; readonly at: Instant } | undefined;
  const failed = (error: unknown): void =>
    telemetry.failed('anchor', error instanceof Error ? error.name : typeof error);

  const due = async ({ checkpoint, consistency }: Anchorable, own: boolean): Promise<Due | undefined> => {
    const { origin, size, root } = checkpoint;
    if (refused.has(origin) || size === 0 || anchored.get(origin) === size) return undefined;
    const first = firstOriginOf(origin);
    if (first !== origin && !anchored.has(origin)) await client.openHalfYear(first, origin.slice(first.length + 1));
    const oldSize = (await client.latest(origin))?.size ?? 0;
    anchored.set(origin, oldSize);
    if (size <= oldSize) return undefined;
    return { origin, size, root: hex(root), oldSize, proof: (await consistency(oldSize)).map(hex), own };
  };

  const gather = async (): Promise<readonly Due[]> => {
    const wanted: Due[] = [];
    const add = async (log: Anchorable, own: boolean): Promise<void> => {
      try {
        const request = await due(log, own);
        if (request !== undefined) wanted.push(request);
      } catch (error) {
        failed(error);
      }
    };
    for (const log of ledger.logs()) {
      const frozen = { checkpoint: log.integrated(), note: log.checkpoint() };
      await add(
        { checkpoint: frozen.checkpoint, consistency: async (from) => (await log.consistency(from, frozen)).path },
        true,
      );
    }
    const rows = await Promise.allSettled(others.map(({ url, key }) => readRemoteLogs(url, key)));
    for (const row of rows) {
      if (row.status === 'rejected') failed(row.reason);
      else for (const log of row.value) await add(log, false);
    }
    return wanted;
  };

  const anchor = async (requests: readonly Due[]): Promise<void> => {
    try {
      await client.anchorAll(requests);
      for (const { origin, size } of requests) anchored.set(origin, size);
    } catch (error) {
      // One log that the chain refuses must not hold up the others.
      if (error instanceof AnchorRefusedError && requests.length > 1) {
        for (const request of requests) await anchor([request]);
        return;
      }
      // `Stale`: another anchor came in between; the next round starts from what the chain holds now.
      const [only] = requests;
      if (error instanceof AnchorRefusedError && error.reason !== 'Stale' && only !== undefined)
        refused.add(only.origin);
      failed(error);
    }
  };

  const anchorOnce = async (): Promise<void> => {
    if (!ledger.leads()) return;
    const requests = await gather();
    if (requests.length > 0) await anchor(requests);
    const size = ledger.logs().reduce((sum, { origin }) => sum + (anchored.get(origin) ?? 0), 0);
    if (size <= (known?.size ?? 0)) return;
    known = { size, at: clock.now() };
    telemetry.gauge('ledger_anchored_size', size);
  };

  let running: Promise<void> = Promise.resolve();
  let idle = true;
  const timer = setInterval(() => {
    if (!idle) return;
    idle = false;
    running = anchorOnce()
      .catch(failed)
      .finally(() => {
        idle = true;
      });
  }, config.anchorSeconds * 1000);
  timer.unref();
  return {
    last: () => known,
    refused: () => ledger.logs().some(({ origin }) => refused.has(origin)),
    async stop() {
      clearInterval(timer);
      await running;
      await client.stop();
    },
  };
}

function verifierKeyOf(text: string, i: number): VerifierKey {
  const key = parseVerifierKey(nodeHashing, text);
  if (key === undefined) throw new Error(`ledger.anchorFor.${i}.key is not a verifier key.`);
  return key;
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;
