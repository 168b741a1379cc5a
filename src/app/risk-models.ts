import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Approver, ModelStore, nameOf, type Settled } from '../adapters/risk/model-store.ts';
import type { ModelChange } from '../domain/console/risk.ts';
import type { ConsentryRiskEngine } from '../domain/risk/engine.ts';
import type { RiskModel } from '../domain/risk/model.ts';
import type { Clock, LedgerStore, Random, Telemetry } from '../ports.ts';

export interface RiskModelsParts {
  /** Where models, approvals and their history lie. */
  readonly folder: string;
  /** In use until one was promoted. */
  readonly shipped: RiskModel;
  readonly promotion: { readonly approvals: number; readonly shadowDays: number };
  readonly ledger: Pick<LedgerStore, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

/** The person who changes a model over the API, for the ledger. */
export interface Officer {
  readonly user: string;
  readonly issuer: string;
  readonly client: string;
}

export interface RiskModels {
  readonly store: ModelStore;
  /** The model with which to start. Throws when it does not load: nothing else may take its place unseen. */
  champion(): RiskModel;
  /** From now on the engine follows the store. */
  follow(engine: ConsentryRiskEngine): Promise<void>;
  /** Each resolves when the change is in the ledger and in force. */
  challenge(text: string, officer: Officer): Promise<Settled>;
  promote(hash: string, officer: Officer): Promise<Settled>;
  rollback(officer: Officer): Promise<Settled>;
  stop(): Promise<void>;
}

const CHECK_MS = 5_000;

/** The ledger took no entry of the change: it waits, and comes into force once it is taken. */
export class ChangeNotRecorded extends Error {
  override readonly name = 'ChangeNotRecorded';
}

/**
 * The models in use. Whoever changes the store, over the API or on the command line, a change comes into force once its ledger entry
 * is durable; a model that does not load changes nothing.
 */
export function openRiskModels(parts: RiskModelsParts): RiskModels {
  const { folder, ledger, clock, telemetry } = parts;
  const store = new ModelStore(folder, parts.promotion, () => new Date(clock.now()));
  const stateFile = join(folder, 'state.json');
  /** How many changes of the history are in the ledger. */
  const recordedFile = join(folder, 'recorded');
  let engine: ConsentryRiskEngine | undefined;
  let seen = Number.NaN;
  let working: Promise<void> = Promise.resolve();

  const changedAt = (): number => (existsSync(stateFile) ? statSync(stateFile).mtimeMs : 0);
  const recorded = (): number => (existsSync(recordedFile) ? Number(readFileSync(recordedFile, 'utf8')) : 0);

  async function record(change: ModelChange): Promise<void> {
    const name = nameOf(change.model);
    await ledger.append({
      kind: 'model',
      at: clock.now(),
      requestId: Buffer.from(parts.random.bytes(12)).toString('hex'),
      decision: 'permit',
      actor: { user: change.by.join(', '), issuer: '', client: '', roles: [] },
      patients: [],
      resources: [],
      outcome: { status: 200, returned: 0, withheld: 0, masked: 0 },
      story: [{ stage: 'assess', rule: `model:${change.what}`, text: sentence(change, name) }],
      height: 0,
    });
  }

  async function sync(): Promise<void> {
    const at = changedAt();
    const { history } = store.status();
    for (let next = recorded(); next < history.length; next++) {
      await record(history[next] as ModelChange).catch((cause: unknown) => {
        throw new ChangeNotRecorded('the ledger took no entry of the change', { cause });
      });
      writeFileSync(recordedFile, String(next + 1), { flush: true });
    }
    const champion = store.champion() ?? parts.shipped;
    const challenger = store.challenger();
    if (engine === undefined) return;
    if (engine.model.hash !== champion.hash) engine.swap(champion);
    if (engine.status().challenger !== challenger?.id) engine.challenge(challenger);
    seen = at;
  }

  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = working.then(work);
    working = done.catch(() => undefined);
    return done;
  };
  const settle = async (change: () => Settled): Promise<Settled> => {
    // What waits for the ledger goes first: no change is made upon one that is not recorded.
    await inTurn(sync);
    const settled = change();
    await inTurn(sync);
    return settled;
  };
  const approver = ({ user, issuer }: Officer): Approver => ({ by: `${user} (${issuer})` });

  const timer = setInterval(() => {
    if (engine === undefined || changedAt() === seen) return;
    inTurn(sync).catch((error: unknown) =>
      telemetry.failed('risk-model', error instanceof Error ? error.name : typeof error),
    );
  }, CHECK_MS);
  timer.unref();

  return {
    store,
    champion: () => store.champion() ?? parts.shipped,
    follow(followed) {
      engine = followed;
      return inTurn(sync);
    },
    challenge: (text, officer) => settle(() => store.challenge(text, approver(officer))),
    promote: (hash, officer) => settle(() => store.promote(hash, approver(officer))),
    rollback: (officer) => settle(() => store.rollback(approver(officer))),
    async stop() {
      clearInterval(timer);
      await working;
    },
  };
}

const sentence = ({ what, by }: ModelChange, name: string): string => {
  switch (what) {
    case 'challenger':
      return `${name} runs beside the model in use, by ${by.join(' and ')}.`;
    case 'promotion':
      return `${name} is in use, approved by ${by.join(' and ')}.`;
    case 'rollback':
      return `${name} is in use again, by ${by.join(' and ')}.`;
    default:
      return what satisfies never;
  }
};
