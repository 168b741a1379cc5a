import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeFileSystem, replaceFile } from '../adapters/store/file-system.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import { askTimestamp } from '../adapters/store/timestamp-authority.ts';
import type { Config } from '../config/schema.ts';
import type { Clock, Random, Telemetry } from '../ports.ts';

const RETRY_MS = 60_000;

/**
 * The second anchor: a time stamp authority signs the newest checkpoint, once each period. Checkpoint and token are kept
 * as files that openssl verifies; which of them are due is read from their names, so a restart asks for nothing twice.
 */
export function openTimestamping(parts: {
  readonly config: Config;
  readonly ledger: FilesLedger;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}): { stop(): Promise<void> } | undefined {
  const { config, ledger, clock, random, telemetry } = parts;
  const { timestamps } = config.ledger;
  if (timestamps === undefined) return undefined;
  const folder = join(config.data, 'timestamps');
  mkdirSync(folder, { recursive: true });
  const period = timestamps.everyHours * 3_600_000;

  const last = (): { readonly at: number; readonly size: number } =>
    readdirSync(folder)
      .map((name) => /^(\d+)-(\d+)\.tsr$/.exec(name))
      .reduce(
        (newest, found) => {
          const at = Number(found?.[1] ?? 0);
          return at > newest.at ? { at, size: Number(found?.[2]) } : newest;
        },
        { at: 0, size: 0 },
      );

  const stamp = async (): Promise<void> => {
    const known = last();
    if (!ledger.leads() || clock.now() - known.at < period) return;
    const { size } = ledger.integrated();
    const note = Buffer.from(ledger.checkpoint());
    if (size === 0 || size === known.size) return;
    const token = await askTimestamp(timestamps.url, note, random);
    const at = clock.now();
    const name = join(folder, `${at}-${size}`);
    if (!existsSync(`${name}.checkpoint`)) await replaceFile(nodeFileSystem, `${name}.checkpoint`, note);
    await replaceFile(nodeFileSystem, `${name}.tsr`, token);
    telemetry.gauge('ledger_timestamped_size', size);
    await ledger.append({
      kind: 'anchor',
      at,
      requestId: `timestamp-${at}-${size}`,
      decision: 'permit',
      patients: [],
      resources: [],
      outcome: { status: 0, returned: 0, withheld: 0, masked: 0 },
      story: [
        { stage: 'anchor', rule: 'rfc3161', text: `A time stamp authority signed the checkpoint of ${size} entries.` },
      ],
      height: 0,
    });
  };

  let running: Promise<void> | undefined;
  const round = (): void => {
    running ??= stamp()
      .catch((error: unknown) => telemetry.failed('timestamp', error instanceof Error ? error.name : typeof error))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(round, Math.min(RETRY_MS, period));
  timer.unref();
  round();
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
