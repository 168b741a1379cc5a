import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, type RiskModel } from '../../domain/risk/model.ts';

interface Approval {
  readonly by: string;
  readonly at: string;
  /** Base64, over the words below. */
  readonly signature: string;
}

interface State {
  /** Hash of the model in use; `undefined`: the shipped one. */
  readonly champion: string | undefined;
  readonly previous: readonly string[];
  readonly waiting: Readonly<Record<string, readonly Approval[]>>;
  readonly history: readonly {
    readonly what: 'promotion' | 'rollback';
    readonly model: string | undefined;
    readonly by: readonly string[];
    readonly at: string;
  }[];
}

export interface Settled {
  readonly state: 'promoted' | 'waiting';
  readonly model: string;
  readonly approvals: readonly string[];
  readonly text: string;
}

/** Refused for a reason that the person can mend. */
export class PromotionRefused extends Error {
  override readonly name = 'PromotionRefused';
}

const empty: State = { champion: undefined, previous: [], waiting: {}, history: [] };
const words = (hash: string): Buffer => Buffer.from(`consentry-risk-promotion/1\n${hash}\n`);

/**
 * The models in use, in one folder: `state.json`, `approvers.json` (name -> public key, PEM) and one file per model, named by its hash. A model
 * comes into use when enough different approvers have signed its hash. Every write is a rename, so a crash leaves the old state or the new.
 */
export class ModelStore {
  readonly #folder: string;
  readonly #needed: number;
  readonly #now: () => Date;

  constructor(folder: string, needed: number, now: () => Date) {
    this.#folder = folder;
    this.#needed = Math.max(2, needed);
    this.#now = now;
  }

  /** The model in use; `undefined` when none was ever promoted. Throws when it does not load: nothing else may take its place unseen. */
  champion(): RiskModel | undefined {
    const { champion } = this.#state();
    return champion === undefined ? undefined : this.#read(join(this.#folder, `${champion}.json`));
  }

  status(): Record<string, unknown> {
    const { champion, previous, waiting, history } = this.#state();
    return {
      champion: champion ?? 'shipped',
      previous: previous.length,
      waiting: Object.entries(waiting).map(([model, list]) => ({ model, approvedBy: list.map((each) => each.by) })),
      history,
    };
  }

  promote(file: string, by: string, keyFile: string): Settled {
    const model = this.#read(file);
    const state = this.#state();
    if (state.champion === model.hash) throw new PromotionRefused('This model is in use already.');
    const approval = this.#approval(model.hash, by, keyFile);
    const kept = (state.waiting[model.hash] ?? []).filter((each) => each.by !== by && this.#holds(model.hash, each));
    const approvals = [...kept, approval];
    const names = approvals.map((each) => each.by);
    mkdirSync(this.#folder, { recursive: true });
    this.#write(`${model.hash}.json`, readFileSync(file, 'utf8'));
    if (approvals.length < this.#needed) {
      this.#save({ ...state, waiting: { ...state.waiting, [model.hash]: approvals } });
      const missing = this.#needed - approvals.length;
      return {
        state: 'waiting',
        model: model.id,
        approvals: names,
        text: `${model.id} is approved by ${names.join(' and ')}; it needs ${missing} more person${missing === 1 ? '' : 's'}.`,
      };
    }
    const { [model.hash]: _done, ...waiting } = state.waiting;
    this.#save({
      champion: model.hash,
      previous: [...state.previous, state.champion ?? 'shipped'].slice(-20),
      waiting,
      history: [...state.history, { what: 'promotion', model: model.hash, by: names, at: this.#now().toISOString() }],
    });
    return {
      state: 'promoted',
      model: model.id,
      approvals: names,
      text: `${model.id} is in use, approved by ${names.join(' and ')}.`,
    };
  }

  /** One person is enough to go back: it only returns to what two people approved before. */
  rollback(by: string, keyFile: string): Settled {
    const state = this.#state();
    const target = state.previous.at(-1);
    if (target === undefined) throw new PromotionRefused('There is no model before this one to go back to.');
    const back = target === 'shipped' ? undefined : target;
    this.#approval(target, by, keyFile);
    if (back !== undefined) this.#read(join(this.#folder, `${back}.json`));
    this.#save({
      ...state,
      champion: back,
      previous: state.previous.slice(0, -1),
      history: [...state.history, { what: 'rollback', model: back, by: [by], at: this.#now().toISOString() }],
    });
    const name = back === undefined ? 'The shipped model' : `risk-${back.slice(0, 16)}`;
    return {
      state: 'promoted',
      model: back === undefined ? 'shipped' : name,
      approvals: [by],
      text: `${name} is in use again.`,
    };
  }

  #approval(hash: string, by: string, keyFile: string): Approval {
    const key = createPrivateKey(readFileSync(keyFile));
    if (key.asymmetricKeyType !== 'ed25519') throw new PromotionRefused('The key is not an Ed25519 key.');
    const approval = { by, at: this.#now().toISOString(), signature: sign(null, words(hash), key).toString('base64') };
    if (!this.#holds(hash, approval))
      throw new PromotionRefused(`${by} is not listed in approvers.json with this key.`);
    return approval;
  }

  #holds(hash: string, approval: Approval): boolean {
    const file = join(this.#folder, 'approvers.json');
    if (!existsSync(file))
      throw new PromotionRefused(`${file} is missing. List who may approve: {"name": "public key in PEM"}.`);
    const listed = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    // Two names with one key are one person.
    const keys = new Set(
      Object.values(listed).map((pem) =>
        createPublicKey(pem).export({ type: 'spki', format: 'der' }).toString('base64'),
      ),
    );
    if (keys.size !== Object.keys(listed).length)
      throw new PromotionRefused('Two approvers share one key; each needs an own one.');
    const pem = Object.hasOwn(listed, approval.by) ? listed[approval.by] : undefined;
    return (
      pem !== undefined && verify(null, words(hash), createPublicKey(pem), Buffer.from(approval.signature, 'base64'))
    );
  }

  #read(file: string): RiskModel {
    const text = readFileSync(file, 'utf8');
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw new PromotionRefused(`${file} is not JSON.`);
    }
    const model = loadModel(json);
    if ('fault' in model) throw new PromotionRefused(model.text);
    return model;
  }

  #state(): State {
    const file = join(this.#folder, 'state.json');
    return existsSync(file) ? { ...empty, ...(JSON.parse(readFileSync(file, 'utf8')) as Partial<State>) } : empty;
  }

  #save(state: State): void {
    this.#write('state.json', `${JSON.stringify(state, null, 2)}\n`);
  }

  #write(name: string, text: string): void {
    const file = join(this.#folder, name);
    writeFileSync(`${file}.new`, text, { flush: true });
    renameSync(`${file}.new`, file);
  }
}
