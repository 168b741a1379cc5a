import { callOf } from './call.ts';
import type { RiskContext } from './context.ts';
import type { AccessEvent } from './event.ts';
import type { RiskFeatures } from './features.ts';
import { seeded } from './random.ts';
import type { RiskPolicy } from './risk-policy.ts';
import { ruleHits, ruleScore } from './rules.ts';
import { DAY, HOUR } from './time.ts';

export interface Planted {
  readonly vector: Float64Array;
  readonly rules: number;
  readonly time: number;
}

interface PatientIndex {
  readonly byAddress: Map<string, string[]>;
  readonly byName: Map<string, string[]>;
  readonly byZip: Map<string, string[]>;
  readonly vips: string[];
  readonly all: string[];
  readonly colleagues: string[];
}

const kinds = [
  'curious',
  'linked',
  'linked',
  'colleague',
  'vip',
  'scrape',
  'drip',
  'stolen',
  'emergency',
  'probing',
  'export',
  'return',
  'walk',
  'curious',
  'paging',
  'self',
] as const;

/**
 * Misuse played on copies of real profiles, in the house's own data: where nobody has labelled anything, this is what tells the models
 * how misuse would look here. A copy is thrown away after its case; nothing of it enters the profiles of the house.
 */
export class Planter {
  readonly #features: RiskFeatures;
  readonly #context: RiskContext;
  readonly #policy: RiskPolicy;
  readonly #random: () => number;
  /** Patients met in the stream. */
  readonly #met: string[] = [];
  #seen = 0;
  #index: PatientIndex | undefined;

  constructor(features: RiskFeatures, policy: RiskPolicy, seed: number) {
    this.#features = features;
    this.#context = features.context;
    this.#policy = policy;
    this.#random = seeded(seed);
  }

  meet(patient: string): void {
    this.#seen++;
    if (this.#met.length < 20_000) this.#met.push(patient);
    else {
      const place = Math.floor(this.#random() * this.#seen);
      if (place < 20_000) this.#met[place] = patient;
    }
  }

  /** One case that begins where the given real call stands. Few rows of it are kept, so that long cases do not outweigh short ones. */
  plant(event: AccessEvent, time: number): Planted[] {
    const user = callOf(event).user;
    const real = this.#features.user(user);
    if (real === undefined) return [];
    const ghost = real.clone();
    const rows: Planted[] = [];
    const kind = this.#pick(kinds);
    let at = time;
    const play = (more: Partial<AccessEvent>, odd = true): void => {
      const call = callOf({
        ...event,
        query: [],
        breakGlass: false,
        status: 200,
        results: 1,
        interaction: 'read',
        ...more,
      });
      const look = this.#features.look(call, at, ghost);
      if (look.documented && odd) return;
      rows.push({ vector: look.vector.slice(), rules: ruleScore(ruleHits(look, this.#policy)), time: at });
      this.#features.commitTo(ghost, call, at, look);
    };
    const open = (patient: string | undefined, more: Partial<AccessEvent> = {}): void => {
      if (patient === undefined) return;
      if (this.#random() < 0.35) {
        const call = callOf({
          ...event,
          ...more,
          breakGlass: false,
          interaction: 'search',
          type: 'Patient',
          patient: null,
          patients: [patient],
          query: ['name'],
          results: 1,
        });
        this.#features.commitTo(ghost, call, at, this.#features.look(call, at, ghost));
        at += 5_000 + this.#random() * 20_000;
      }
      for (let n = 1 + Math.floor(this.#random() * 3); n > 0; n--) {
        play({
          ...more,
          patient,
          patients: [patient],
          type: n > 1 && event.type !== undefined ? event.type : 'Patient',
        });
        at += 3_000 + this.#random() * 40_000;
      }
    };
    const some = (low: number, high: number): number => low + Math.floor(this.#random() * (high - low + 1));
    switch (kind) {
      case 'curious':
        for (let n = some(1, 4); n > 0; n--) {
          open(this.#anybody());
          at += this.#random() * 2 * HOUR;
        }
        break;
      case 'linked':
        open(this.#linked(user));
        break;
      case 'colleague':
        open(this.#some(this.#indexed().colleagues));
        break;
      case 'vip':
        open(this.#some(this.#indexed().vips));
        break;
      case 'scrape':
        for (let n = some(20, 60); n > 0; n--) open(this.#anybody());
        break;
      case 'drip':
        for (let day = some(6, 20); day > 0; day--) {
          for (let n = some(1, 4); n > 0; n--) open(this.#anybody());
          at = at + DAY - this.#random() * HOUR;
        }
        break;
      case 'stolen': {
        const seat = {
          ip: `${some(30, 200)}.${some(0, 250)}.${some(0, 250)}.9`,
          device: `planted-${some(0, 1e6)}`,
          agent: 'planted/1',
        };
        at += this.#random() * DAY;
        for (let n = some(5, 25); n > 0; n--)
          open(this.#anybody(), this.#random() < 0.5 ? seat : { ip: seat.ip, device: seat.device });
        break;
      }
      case 'emergency':
        for (let n = some(1, 5); n > 0; n--) {
          open(this.#anybody(), { breakGlass: true, purpose: 'ETREAT' });
          at += DAY * this.#random() * 2;
        }
        break;
      case 'probing':
        for (let n = some(8, 20); n > 0; n--) {
          const hits = Array.from({ length: some(0, 5) }, () => this.#anybody()).filter((id) => id !== undefined);
          play(
            {
              interaction: 'search',
              type: 'Patient',
              patient: null,
              patients: hits,
              query: ['name'],
              results: hits.length,
            },
            false,
          );
          at += 5_000 + this.#random() * 30_000;
        }
        break;
      case 'export': {
        const taken = Array.from({ length: some(30, 200) }, () => this.#anybody()).filter((id) => id !== undefined);
        play({ interaction: 'export', patient: null, patients: taken, results: taken.length * 8 }, false);
        break;
      }
      case 'return': {
        const patient = this.#anybody();
        for (let n = some(3, 8); n > 0; n--) {
          open(patient);
          at += DAY * (0.6 + this.#random() * 3);
        }
        break;
      }
      case 'walk': {
        const all = this.#indexed().all;
        const from = some(0, Math.max(0, all.length - 50));
        for (let n = some(12, 40); n > 0; n--) open(all[from + n]);
        break;
      }
      case 'paging':
        for (let n = some(8, 25); n > 0; n--) {
          const page = Array.from({ length: some(15, 50) }, () => this.#anybody()).filter((id) => id !== undefined);
          play(
            {
              interaction: 'search',
              type: 'Patient',
              patient: null,
              patients: page,
              query: ['_count'],
              results: page.length,
            },
            false,
          );
          at += 2_000 + this.#random() * 15_000;
        }
        break;
      case 'self':
        open(this.#context.staff(user)?.patientId ?? this.#linked(user));
        break;
      default:
        kind satisfies never;
    }
    if (rows.length <= 6) return rows;
    return [0.1, 0.3, 0.5, 0.7, 0.85, 0.999].map((share) => rows[Math.floor(share * rows.length)] as Planted);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }

  #some(items: readonly string[]): string | undefined {
    return items.length === 0 ? this.#anybody() : this.#pick(items);
  }

  #anybody(): string | undefined {
    const all = this.#indexed().all;
    const from = all.length > 0 && this.#random() < 0.5 ? all : this.#met;
    return from.length === 0 ? undefined : this.#pick(from);
  }

  #linked(user: string): string | undefined {
    const staff = this.#context.staff(user);
    const index = this.#indexed();
    for (let tries = 0; tries < 4 && staff !== undefined; tries++) {
      const [map, key] = this.#pick([
        [index.byAddress, staff.address],
        [index.byName, staff.surname],
        [index.byZip, staff.zip4],
      ] as const);
      const found = key === undefined ? undefined : map.get(key);
      if (found !== undefined && found.length > 0) return this.#pick(found);
    }
    return this.#anybody();
  }

  #indexed(): PatientIndex {
    if (this.#index !== undefined) return this.#index;
    const index: PatientIndex = {
      byAddress: new Map(),
      byName: new Map(),
      byZip: new Map(),
      vips: [],
      all: [],
      colleagues: [],
    };
    const put = (map: Map<string, string[]>, key: string | undefined, id: string): void => {
      if (key === undefined) return;
      const list = map.get(key);
      if (list === undefined) map.set(key, [id]);
      else if (list.length < 64) list.push(id);
    };
    for (const [id, facts] of this.#context.eachPatient()) {
      index.all.push(id);
      put(index.byAddress, facts.address, id);
      put(index.byName, facts.surname, id);
      put(index.byZip, facts.zip4, id);
      if (facts.vip) index.vips.push(id);
    }
    for (const [patient] of this.#context.eachEmployee()) index.colleagues.push(patient);
    this.#index = index;
    return index;
  }
}
