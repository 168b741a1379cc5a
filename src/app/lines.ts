import { fileLines } from '../adapters/store/lines-file.ts';
import { sharedLines } from '../adapters/store/lines-postgres.ts';
import { sealedLines } from '../adapters/store/lines-sealed.ts';
import type { Config } from '../config/schema.ts';
import type { OpenLines, Random, Telemetry } from '../ports.ts';
import { secret } from './secrets.ts';

export interface GatewayLines {
  /** As they are given: for lines whose writer seals or keys what they say. */
  readonly plain: OpenLines;
  /** Sealed under a key that the vault key gives. */
  readonly sealed: OpenLines;
  /** Resolves when what other gateways wrote so far is known here. */
  follow(): Promise<void>;
  close(): Promise<void>;
}

/** What the gateway must still know after a restart, beside the log and the vault: kept where they are, so that gateways on one database share it. */
export async function openLines(parts: {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly key: Uint8Array;
  readonly random: Random;
  readonly telemetry: Telemetry;
}): Promise<GatewayLines> {
  const { config, environment, key, random, telemetry } = parts;
  const { store, postgres, origin } = config.ledger;
  const failed = (error: unknown): void =>
    telemetry.failed('lines', error instanceof Error ? error.name : typeof error);
  const unreadable = (): void => telemetry.failed('lines', 'UnreadableLine');
  if (store !== 'postgres' || postgres === undefined) {
    const plain = fileLines(config.data);
    return {
      plain,
      sealed: sealedLines(plain, key, random, unreadable),
      follow: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }
  const shared = await sharedLines({ url: secret(postgres.url, environment), origin, failed });
  return {
    plain: shared.open,
    sealed: sealedLines(shared.open, key, random, unreadable),
    follow: shared.follow,
    close: shared.close,
  };
}
