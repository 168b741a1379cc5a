import { createHash, createPrivateKey } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { nodeFileSystem, readText, replaceFile } from '../adapters/store/file-system.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import { nodeHashing } from '../adapters/store/node-hash.ts';
import {
  type Cosigner,
  ed25519Cosigner,
  mldsa44Cosigner,
  noteVerifierOf,
  rowVerifier,
} from '../adapters/store/note-keys.ts';
import { askWitness, openWitness, type WitnessPeer } from '../adapters/store/witness.ts';
import type { Config } from '../config/schema.ts';
import { parseCheckpoint } from '../domain/ledger/checkpoint.ts';
import { firstOriginOf } from '../domain/ledger/half-year.ts';
import { type NoteVerifier, parseVerifierKey, type VerifierKey } from '../domain/ledger/note.ts';
import { witnessRoutes } from '../http/witness.ts';
import type { Clock, Telemetry } from '../ports.ts';
import { keyBytes, secret } from './secrets.ts';

export interface WitnessingParts {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly ledger: FilesLedger;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export interface Witnessing {
  /** `/witness/`, when this gateway is a witness of others' logs. */
  mount(app: FastifyInstance): Promise<void>;
  /** The newest checkpoint that witnesses have cosigned, with their lines; `undefined` before the first. */
  cosigned(): string | undefined;
  /** Keys beside the log's own that sign: of witnessing, of the second signature. */
  readonly keys: readonly string[];
  stop(): Promise<void>;
}

const ASK_MS = 10_000;

const keyOf = (text: string, setting: string): VerifierKey => {
  const key = parseVerifierKey(nodeHashing, text);
  if (key === undefined) throw new Error(`${setting} is not a verifier key (name+id+key).`);
  return key;
};

/** The second signature line of the log's own checkpoints, for readers who fear quantum computers. */
export const secondSigner = (
  config: Config,
  environment: WitnessingParts['environment'],
  clock: Clock,
): Cosigner | undefined => {
  const { mldsaSeed, origin } = config.ledger;
  return mldsaSeed === undefined
    ? undefined
    : mldsa44Cosigner(origin, keyBytes(secret(mldsaSeed, environment), 'ledger.mldsaSeed'), clock);
};

const witnessedLogs = (texts: readonly string[]) => {
  const keys = texts.map((text, i) => keyOf(text, `ledger.witness.logs.${i}`));
  return {
    get: (origin: string): readonly NoteVerifier[] | undefined => {
      const verifiers = keys.map((key) => rowVerifier(key, origin)).filter(({ name }) => name === origin);
      return verifiers.length === 0 ? undefined : verifiers;
    },
  };
};

const cosignersOf = (
  witness: NonNullable<Config['ledger']['witness']>,
  environment: WitnessingParts['environment'],
  clock: Clock,
): readonly Cosigner[] => {
  const { name, key, mldsaSeed } = witness;
  const second =
    mldsaSeed === undefined
      ? []
      : [mldsa44Cosigner(name, keyBytes(secret(mldsaSeed, environment), 'ledger.witness.mldsaSeed'), clock)];
  return [ed25519Cosigner(name, createPrivateKey(secret(key, environment)), clock), ...second];
};

/** Serves as a witness, and asks others to be one, as far as the configuration says. */
export async function openWitnessing(parts: WitnessingParts): Promise<Witnessing> {
  const { config, environment, ledger, clock, telemetry } = parts;
  const { witness, witnesses, witnessSeconds } = config.ledger;
  const cosigners = witness === undefined ? [] : cosignersOf(witness, environment, clock);

  const peers: readonly WitnessPeer[] = witnesses.map(({ url, key }, i) => ({
    url,
    verifier: noteVerifierOf(keyOf(key, `ledger.witnesses.${i}.key`)),
  }));
  const server =
    witness === undefined
      ? undefined
      : openWitness({
          path: join(config.data, 'witness.db'),
          cosigners,
          logs: witnessedLogs(witness.logs),
          alarm: (_origin, body) => {
            telemetry.failed('witness', 'SplitView');
            keepEvidence(join(config.data, 'witness-evidence'), body);
          },
        });

  /** Of each log of the row: the newest note that witnesses cosigned. */
  const notes = new Map<string, string>();
  const pathOf = (origin: string): string => {
    const half = origin.slice(firstOriginOf(origin).length + 1);
    return join(config.data, half === '' ? 'cosigned' : `cosigned-${half}`);
  };
  const cosignedOf = async (origin: string): Promise<string | undefined> => {
    const note =
      peers.length === 0 ? undefined : (notes.get(origin) ?? (await readText(nodeFileSystem, pathOf(origin))));
    if (note !== undefined) notes.set(origin, note);
    return note;
  };
  for (const { origin } of ledger.logs()) await cosignedOf(origin);
  const seen = new Map<string, number>();

  const ask = async (ledger: FilesLedger): Promise<void> => {
    const { origin } = ledger;
    const frozen = { checkpoint: ledger.integrated(), note: ledger.checkpoint() };
    const cosigned = await cosignedOf(origin);
    const size =
      cosigned === undefined ? -1 : (parseCheckpoint(cosigned.split('\n\n')[0]?.concat('\n') ?? '')?.size ?? -1);
    if (!ledger.leads() || frozen.checkpoint.size === 0 || frozen.checkpoint.size <= size) return;
    const log = { consistency: (from: number) => ledger.consistency(from, frozen) };
    const answers = await Promise.all(
      peers.map(async (peer) => {
        const place = `${origin} ${peer.url}`;
        const answer = await askWitness(log, peer, seen.get(place) ?? 0, AbortSignal.timeout(ASK_MS));
        if (answer.ok) seen.set(place, frozen.checkpoint.size);
        else telemetry.failed('witness-asked', answer.reason);
        return answer;
      }),
    );
    const lines = answers.flatMap((answer) => (answer.ok ? [answer.line] : []));
    telemetry.gauge('ledger_cosignatures', lines.length);
    if (lines.length === 0) return;
    const note = frozen.note + lines.join('');
    notes.set(origin, note);
    await replaceFile(nodeFileSystem, pathOf(origin), Buffer.from(note));
    telemetry.gauge('ledger_cosigned_size', frozen.checkpoint.size);
  };
  const askAll = async (): Promise<void> => {
    for (const log of ledger.logs()) await ask(log);
  };

  let running: Promise<void> | undefined;
  const round = (): void => {
    running ??= askAll()
      .catch((error: unknown) => telemetry.failed('witness-asked', error instanceof Error ? error.name : typeof error))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = peers.length === 0 ? undefined : setInterval(round, witnessSeconds * 1000);
  timer?.unref();

  const second = secondSigner(config, environment, clock);
  return {
    mount: async (app) => {
      if (server !== undefined) await app.register(witnessRoutes(server));
    },
    cosigned: () => notes.get(ledger.origin),
    keys: [...cosigners, ...(second === undefined ? [] : [second])].map(({ verifierKey }) => verifierKey),
    stop: async () => {
      clearInterval(timer);
      await running;
      server?.close();
    },
  };
}

/** What a log signed and should not have: proof of it for whoever must act. It names no person. */
function keepEvidence(folder: string, body: string): void {
  mkdirSync(folder, { recursive: true });
  const name = createHash('sha256').update(body).digest('hex').slice(0, 16);
  writeFileSync(join(folder, `${name}.txt`), body, { mode: 0o600 });
}
