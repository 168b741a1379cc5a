import type { ResourceType } from '../fhir/interaction.ts';
import { Automaton } from './automaton.ts';
import { derivedKey } from './keyed.ts';
import { maskedParameter } from './parameters.ts';
import type { MaskingContext, MaskingPlan } from './plan.ts';
import type { Layer } from './rule.ts';

/** The keys of one project, derived from those that a context gives. */
export class ProjectKeys {
  readonly #project: string;
  readonly #known: { readonly name: string; readonly given: Uint8Array; readonly derived: Uint8Array }[] = [];

  constructor(project: string) {
    this.#project = project;
  }

  /** True while the context gives the keys that were asked for so far. */
  hold(context: MaskingContext): boolean {
    return this.#known.every(({ name, given }) => context.key(name) === given);
  }

  of(name: string, context: MaskingContext): Uint8Array {
    for (const known of this.#known) if (known.name === name) return known.derived;
    const given = context.key(name);
    const derived = derivedKey(given, `${name}/${this.#project}`);
    this.#known.push({ name, given, derived });
    return derived;
  }
}

/** A plan with what it was compiled to. Made only here, so that a plan from elsewhere cannot mask nothing. */
export class CompiledPlan implements MaskingPlan {
  readonly id: string;
  readonly project: string;
  readonly transparent: boolean;
  readonly automaton: Automaton;
  #keys: ProjectKeys | undefined;
  readonly #parameters = new Map<string, string | undefined>();

  constructor(id: string, project: string, layers: readonly Layer[]) {
    this.id = id;
    this.project = project;
    this.automaton = new Automaton(layers);
    this.transparent = layers.every(
      ({ defaults, rules }) =>
        defaults.unnamed === 'keep' &&
        defaults.extensions === 'keep' &&
        defaults.unknown === 'keep' &&
        rules.every((rule) => rule.method === 'keep'),
    );
  }

  keysOf(context: MaskingContext): ProjectKeys {
    if (this.#keys?.hold(context) !== true) this.#keys = new ProjectKeys(this.project);
    return this.#keys;
  }

  get pseudonymous(): boolean {
    const patient = this.automaton.resource('Patient') ?? this.automaton.resource('Observation');
    return patient?.under(0).edges.named('id')?.action?.method === 'pseudonymise';
  }

  /** True when ids of the type leave as pseudonyms. */
  pseudonymises(type: string): boolean {
    return this.automaton.resource(type)?.under(0).edges.named('id')?.action?.method === 'pseudonymise';
  }

  covers(type: ResourceType): boolean {
    return this.automaton.covers(type);
  }

  masksParameter(type: ResourceType, code: string, criterion: Criterion = {}): string | undefined {
    if (this.transparent) return undefined;
    const name = `${type} ${code} ${criterion.modifier ?? ''} ${(criterion.systems ?? []).join(' ')} ${criterion.codes?.join(' ') ?? '*'}`;
    if (!this.#parameters.has(name)) {
      if (this.#parameters.size > 10_000) this.#parameters.clear();
      this.#parameters.set(name, maskedParameter(this.automaton, type, code, criterion));
    }
    return this.#parameters.get(name);
  }
}

/** What is known of a criterion beside its parameter. */
export interface Criterion {
  readonly modifier?: string;
  /** Of a token criterion: the system of each of its values; a value without one leaves the list empty. */
  readonly systems?: readonly string[];
  /** Codes that the same search asks for in `code`: conditions on other codes cannot hold for what it finds. */
  readonly codes?: readonly string[];
}
