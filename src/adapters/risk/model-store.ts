import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelChange, ModelStoreStatus } from '../../domain/console/risk.ts';
import { loadModel, type RiskModel } from '../../domain/risk/model.ts';

interface Approval {
  readonly by: string;
  readonly at: string;
  /** Base64, over the words below; absent when the gateway knew the person by a token: then the ledger tells. */
  readonly signature?: string;
}

interface State {
  /** Hash of the model in use; `undefined`: the shipped one. */
  readonly champion: string | undefined;
  readonly previous: readonly string[];
  /** Runs beside the one in use since then. */
  readonly challenger?: { readonly model: string; readonly since: string; readonly by: string };
  readonly waiting: Readonly<Record<string, readonly Approval[]>>;
  readonly history: readonly ModelChange[];
}

export interface Settled {
  readonly state: 'promoted' | 'waiting';
  readonly model: string;
  readonly approvals: readonly string[];
  readonly text: string;
}

/** Who acts: a person of approvers.json with their key, or an officer whom the gateway knows by a token. */
export interface Approver {
  readonly by: string;
  readonly keyFile?: string;
}

/** Refused for a reason that the person can mend. */
export class PromotionRefused extends Error {
  override readonly name = 'PromotionRefused';
}

const empty: State = { champion: undefined, previous: [], waiting: {}, history: [] };
const words = (hash: string): Buffer => Buffer.from(`consentry-risk-promotion/1\n${hash}\n`);

const DAY = 86_400_000;

/**
 * The models in use, in one folder: `state.json`, `approvers.json` (name -> public key, PEM) and one file per model, named by its hash. A model
 * first runs beside the one in use, as challenger, for the days that policy says; it comes into use when enough different approvers
 * have approved its hash. Every write is a rename, so a crash leaves the old state or the new.
 */
export class ModelStore {
  readonly #folder: string;
  readonly #needed: number;
  readonly #shadowDays: number;
  readonly #now: () => Date;

  constructor(folder: string, promotion: { readonly approvals: number; readonly shadowDays: number }, now: () => Date) {
    this.#folder = folder;
    this.#needed = Math.max(2, promotion.approvals);
    this.#shadowDays = promotion.shadowDays;
    this.#now = now;
  }

  /** The model in use; `undefined` when none was ever promoted. Throws when it does not load: nothing else may take its place unseen. */
  champion(): RiskModel | undefined {
    const { champion } = this.#state();
    return champion === undefined ? undefined : this.#read(this.#fileOf(champion));
  }

  /** The model that runs beside it. Throws when it does not load. */
  challenger(): RiskModel | undefined {
    const { challenger } = this.#state();
    return challenger === undefined ? undefined : this.#read(this.#fileOf(challenger.model));
  }

  status(): ModelStoreStatus {
    const { champion, previous, challenger, waiting, history } = this.#state();
    return {
      champion: champion ?? 'shipped',
      previous: previous.length,
      ...(challenger === undefined
        ? {}
        : { challenger: { ...challenger, promotableAt: new Date(this.#ripeAt(challenger)).toISOString() } }),
      waiting: Object.entries(waiting).map(([model, list]) => ({ model, approvedBy: list.map((each) => each.by) })),
      history,
    };
  }

  /** Lets a model run beside the one in use. Any earlier challenger ends, with its approvals. */
  challenge(text: string, who: Approver): Settled {
    const model = modelOf(text, 'The model');
    const state = this.#state();
    if (state.champion === model.hash) throw new PromotionRefused('This model is in use already.');
    if (state.challenger?.model === model.hash) throw new PromotionRefused('This model runs beside already.');
    this.#approval(model.hash, who);
    mkdirSync(this.#folder, { recursive: true });
    this.#write(`${model.hash}.json`, text);
    const at = this.#now().toISOString();
    this.#save({
      ...state,
      challenger: { model: model.hash, since: at, by: who.by },
      waiting: {},
      history: [...state.history, { what: 'challenger', model: model.hash, by: [who.by], at }],
    });
    return {
      state: 'waiting',
      model: model.id,
      approvals: [],
      text: `${model.id} runs beside the model in use; it may be promoted after ${this.#shadowDays} days.`,
    };
  }

  /** Approves the challenger; `hash` says which, so that nobody approves another than they looked at. */
  promote(hash: string, who: Approver): Settled {
    const state = this.#state();
    const { challenger } = state;
    if (state.champion === hash) throw new PromotionRefused('This model is in use already.');
    if (challenger?.model !== hash)
      throw new PromotionRefused('This model does not run beside the one in use. Let it do so first.');
    const left = Math.ceil((this.#ripeAt(challenger) - this.#now().getTime()) / DAY);
    if (left > 0)
      throw new PromotionRefused(
        `The model must run beside the one in use for ${this.#shadowDays} days; ${left} ${left === 1 ? 'is' : 'are'} missing.`,
      );
    const model = this.#read(this.#fileOf(hash));
    const approval = this.#approval(hash, who);
    // A person has one name here and may have another there: approvals of the two kinds are not added up.
    const kept = (state.waiting[hash] ?? []).filter(
      (each) =>
        each.by !== who.by &&
        (each.signature === undefined) === (approval.signature === undefined) &&
        this.#holds(hash, each),
    );
    const approvals = [...kept, approval];
    const names = approvals.map((each) => each.by);
    if (approvals.length < this.#needed) {
      this.#save({ ...state, waiting: { [hash]: approvals } });
      const missing = this.#needed - approvals.length;
      return {
        state: 'waiting',
        model: model.id,
        approvals: names,
        text: `${model.id} is approved by ${names.join(' and ')}; it needs ${missing} more person${missing === 1 ? '' : 's'}.`,
      };
    }
    const { challenger: _ended, ...rest } = state;
    this.#save({
      ...rest,
      champion: hash,
      previous: [...state.previous, state.champion ?? 'shipped'].slice(-20),
      waiting: {},
      history: [...state.history, { what: 'promotion', model: hash, by: names, at: this.#now().toISOString() }],
    });
    return {
      state: 'promoted',
      model: model.id,
      approvals: names,
      text: `${model.id} is in use, approved by ${names.join(' and ')}.`,
    };
  }

  /** One person is enough to go back: it only returns to what two people approved before. */
  rollback(who: Approver): Settled {
    const state = this.#state();
    const target = state.previous.at(-1);
    if (target === undefined) throw new PromotionRefused('There is no model before this one to go back to.');
    const back = target === 'shipped' ? undefined : target;
    this.#approval(target, who);
    if (back !== undefined) this.#read(this.#fileOf(back));
    this.#save({
      ...state,
      champion: back,
      previous: state.previous.slice(0, -1),
      history: [...state.history, { what: 'rollback', model: back, by: [who.by], at: this.#now().toISOString() }],
    });
    const name = nameOf(back);
    return {
      state: 'promoted',
      model: back === undefined ? 'shipped' : name,
      approvals: [who.by],
      text: `${name} is in use again.`,
    };
  }

  #ripeAt(challenger: { readonly since: string }): number {
    return Date.parse(challenger.since) + this.#shadowDays * DAY;
  }

  #fileOf(hash: string): string {
    return join(this.#folder, `${hash}.json`);
  }

  #approval(hash: string, who: Approver): Approval {
    const at = this.#now().toISOString();
    if (who.keyFile === undefined) return { by: who.by, at };
    const key = createPrivateKey(readFileSync(who.keyFile));
    if (key.asymmetricKeyType !== 'ed25519') throw new PromotionRefused('The key is not an Ed25519 key.');
    const approval = { by: who.by, at, signature: sign(null, words(hash), key).toString('base64') };
    if (!this.#holds(hash, approval))
      throw new PromotionRefused(`${who.by} is not listed in approvers.json with this key.`);
    return approval;
  }

  #holds(hash: string, approval: Approval): boolean {
    if (approval.signature === undefined) return true;
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
    return modelOf(readFileSync(file, 'utf8'), file);
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

/** What ledger entries and people call a model. */
export const nameOf = (hash: string | undefined): string =>
  hash === undefined ? 'The shipped model' : `risk-${hash.slice(0, 16)}`;

const modelOf = (text: string, file: string): RiskModel => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new PromotionRefused(`${file} is not JSON.`);
  }
  const model = loadModel(json);
  if ('fault' in model) throw new PromotionRefused(model.text);
  return model;
};
