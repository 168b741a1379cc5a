import { type ElementSchema, lineage, primitiveTypes, resourceTypes, typeSchema } from '../fhir/schema.ts';
import { member, size, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { compileCondition, equalValues, saidOf, type Test } from '../policy/condition.ts';
import type { Condition, ElementPath, PathStep } from '../policy/path.ts';
import { ByteMemo } from './byte-memo.ts';
import { KeyTable } from './key-table.ts';
import { labelOf, type MethodName, type MethodOptions, strictness } from './method.ts';
import type { Layer, MaskRule } from './rule.ts';
import { ageTransform, inVocabulary, type LeafPlace, methodTransform, onlyDate, safeTransform } from './transform.ts';
import type { Absence, Transform } from './walk-state.ts';

/*
 * Policies compile to an automaton over the R4 schema. A state is an element's type together with the places that rules
 * have reached on their paths; it is made when first met and kept, so that types which hold themselves need no depth
 * limit. A state whose rules carry conditions has one variant for each outcome of them.
 */

/** One path of one rule: a target, or an exception from the rule. */
interface Pattern {
  readonly layer: number;
  readonly rule: MaskRule;
  readonly except: boolean;
  readonly path: ElementPath;
}

/** A pattern of which `at` steps have been matched. */
interface Item {
  readonly pattern: Pattern;
  readonly at: number;
}

/** How elements below are judged in one layer when no rule names them. */
interface Inherited {
  readonly mode: 'keep' | 'safe';
  /** A method laid on an element above that goes on to its leaves. */
  readonly method?: MaskRule;
}

/** What is done with an element. */
export interface Action {
  readonly method: MethodName;
  /** Rule id, or `default:<datatype>`. */
  readonly rule: string;
  readonly source?: MaskRule;
  readonly label: number;
  readonly transform: Transform | undefined;
  readonly absence: Absence;
  /** The transform gives the text of the `_name` sibling. */
  readonly sibling: boolean;
  readonly options: MethodOptions;
}

export interface Edge {
  readonly element: ElementSchema;
  readonly primitive: boolean;
  /** Holds a resource of any type. */
  readonly resource: boolean;
  readonly state: State;
  /** Of a primitive without conditions: what is done, or undefined to pass it. */
  readonly action: Action | undefined;
}

/** A state under one outcome of its conditions. */
export interface Variant {
  readonly type: string;
  /** What is done with the element as a whole; undefined: its members are walked. */
  readonly action: Action | undefined;
  readonly edges: KeyTable<Edge>;
  readonly unknown: 'keep' | 'remove';
  /** Members that are taken away whether they are there or not, so that presence tells nothing. */
  readonly hidden: readonly Edge[];
}

/** What a question about a state may take for granted. */
export interface Known {
  readonly system?: string;
  readonly codes?: readonly string[];
}

interface TestGroup {
  readonly path: string;
  readonly bits: ReadonlyMap<string, number>;
  readonly memo: ByteMemo<number>;
}

const absent: Action = {
  method: 'remove',
  rule: 'default:unknown',
  label: labelOf('remove'),
  transform: () => null,
  absence: 'nothing',
  sibling: false,
  options: {},
};
/** Taken away because FHIR R4 has no such element. */
export const unknownAction: Action = absent;

const DAR = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
const absentReasons = new Set([
  ...['unknown', 'asked-unknown', 'temp-unknown', 'not-asked', 'asked-declined', 'masked', 'not-applicable'],
  ...['unsupported', 'as-text', 'error', 'not-a-number', 'negative-infinity', 'positive-infinity'],
  ...['not-performed', 'not-permitted'],
]);
/** Nothing but the mark and its code: whatever else it carries makes it an extension like any other. */
const isAbsentReason: Test = (tape, node) =>
  stringOf(tape, member(tape, node, 'url')) === DAR &&
  absentReasons.has(stringOf(tape, member(tape, node, 'valueCode')) ?? '') &&
  size(tape, node) === 2;
const systemKnown: Test = (tape, node) => inVocabulary(tape, member(tape, node, 'system'));

export class Automaton {
  readonly layers: readonly Layer[];
  readonly #roots = new Map<string, Item[]>();
  readonly #states = new Map<string, State>();
  readonly #resources = new Map<string, State | undefined>();
  #patterns = 0;
  readonly #ids = new Map<Pattern, number>();

  constructor(layers: readonly Layer[]) {
    this.layers = layers;
    layers.forEach((layer, index) => {
      for (const rule of layer.rules) {
        for (const path of rule.targets) this.#plant({ layer: index, rule, except: false, path });
        for (const path of rule.except) this.#plant({ layer: index, rule, except: true, path });
      }
    });
  }

  #plant(pattern: Pattern): void {
    this.#ids.set(pattern, this.#patterns);
    this.#patterns += 1;
    const { root } = pattern.path;
    const items = this.#roots.get(root);
    if (items === undefined) this.#roots.set(root, [{ pattern, at: 0 }]);
    else items.push({ pattern, at: 0 });
  }

  covers(type: string): boolean {
    return (
      resourceTypes.has(type) &&
      this.layers.every((layer) => layer.resources === undefined || layer.resources.has(type))
    );
  }

  /** The state in which a resource of the type is entered; undefined when the plan does not cover it. */
  resource(type: string): State | undefined {
    if (this.#resources.has(type)) return this.#resources.get(type);
    const state = this.covers(type)
      ? this.state(
          type,
          type,
          this.#rooted(type, type),
          this.layers.map((layer) => ({ mode: layer.defaults.unnamed })),
        )
      : undefined;
    this.#resources.set(type, state);
    return state;
  }

  #rooted(type: string, resource: string): Item[] {
    return lineage(type).flatMap((name) =>
      (this.#roots.get(name) ?? []).filter(
        (item) => item.pattern.rule.types === undefined || item.pattern.rule.types.has(resource),
      ),
    );
  }

  state(type: string, resource: string, items: readonly Item[], inherited: readonly Inherited[]): State {
    const named = items.map((item) => `${this.#ids.get(item.pattern)}.${item.at}`).sort();
    const above = inherited.map((each) => each.mode + (each.method === undefined ? '' : `:${each.method.id}`));
    const name = `${type}|${resource}|${[...new Set(named)].join(',')}|${above.join(',')}`;
    let state = this.#states.get(name);
    if (state === undefined) {
      state = new State(this, type, resource, items, inherited);
      this.#states.set(name, state);
    }
    return state;
  }

  /** The places that rules reach at a member of an element of the given type. */
  next(items: readonly Item[], element: ElementSchema, resource: string): Item[] {
    const stepped = items.flatMap((item) => {
      const step = item.pattern.path.steps[item.at];
      if (step === undefined || (step.name !== element.path && step.name !== element.name)) return [];
      if (step.ofType !== undefined && !lineage(element.type).includes(step.ofType)) return [];
      return [{ pattern: item.pattern, at: item.at + 1 }];
    });
    return [...stepped, ...this.#rooted(element.type, resource)];
  }
}

const conditionAt = (item: Item): Condition | undefined =>
  item.at === 0 ? item.pattern.path.where : (item.pattern.path.steps[item.at - 1] as PathStep).where;

const isComplete = (item: Item): boolean => item.at === item.pattern.path.steps.length;

interface Decision {
  readonly method: MethodName;
  readonly rule: MaskRule | undefined;
}

export class State {
  readonly type: string;
  readonly resource: string;
  readonly #automaton: Automaton;
  readonly #items: readonly Item[];
  readonly #inherited: readonly Inherited[];
  /** Bits of items that hold without a condition come for free; the others are asked for each element. */
  readonly #conditional: { readonly item: Item; readonly bit: number }[] = [];
  readonly #groups: TestGroup[] = [];
  readonly #tests: { readonly test: Test; readonly bit: number }[] = [];
  readonly #variants = new Map<number, Variant>();
  #only: Variant | undefined;
  #builtInBit = 0;

  constructor(
    automaton: Automaton,
    type: string,
    resource: string,
    items: readonly Item[],
    inherited: readonly Inherited[],
  ) {
    this.#automaton = automaton;
    this.type = type;
    this.resource = resource;
    this.#items = items;
    this.#inherited = inherited;
    this.#gatherTests();
  }

  /** Conditions are told apart by their meaning: `url = 'x'` of two rules is one bit. */
  #gatherTests(): void {
    const bits = new Map<string, number>();
    const groups = new Map<string, Map<string, number>>();
    const bitOf = (name: string, make: (bit: number) => void): number => {
      const known = bits.get(name);
      if (known !== undefined) return known;
      if (bits.size >= 30) throw new RangeError(`more than 30 conditions meet at an element of type ${this.type}`);
      const bit = 1 << bits.size;
      bits.set(name, bit);
      make(bit);
      return bit;
    };
    for (const item of this.#items) {
      const condition = conditionAt(item);
      if (condition === undefined) continue;
      const equal = equalValues(condition);
      const bit = bitOf(JSON.stringify(condition), (fresh) => {
        if (equal === undefined || equal.path.length !== 1 || equal.path[0] === '$this') {
          this.#tests.push({ test: compileCondition(condition), bit: fresh });
          return;
        }
        const path = equal.path[0] as string;
        const values = groups.get(path) ?? new Map<string, number>();
        groups.set(path, values);
        for (const value of equal.values) values.set(value, (values.get(value) ?? 0) | fresh);
      });
      this.#conditional.push({ item, bit });
    }
    for (const [path, values] of groups)
      this.#groups.push({ path, bits: values, memo: new ByteMemo((value) => values.get(value) ?? 0, 64) });
    const test = this.#safe ? this.#builtIn : undefined;
    if (test !== undefined) this.#builtInBit = bitOf('built in', (bit) => this.#tests.push({ test, bit }));
  }

  get #safe(): boolean {
    return this.#inherited.some((each) => each.mode === 'safe') || this.type === 'Extension';
  }

  /** What datatypes need to know of an element before their default can be told. */
  get #builtIn(): Test | undefined {
    if (this.type === 'Coding' || lineage(this.type).includes('Quantity')) return systemKnown;
    return this.type === 'Extension' ? isAbsentReason : undefined;
  }

  /** The variant for an element; primitives without conditions have one for all. */
  variant(tape: Tape, node: number): Variant {
    if (this.#only !== undefined) return this.#only;
    let mask = 0;
    for (let i = 0; i < this.#groups.length; i += 1) {
      const group = this.#groups[i] as TestGroup;
      const value = member(tape, node, group.path);
      if (value >= 0 && tape.kind[value] === KIND.string) mask |= group.memo.of(tape, value);
    }
    for (let i = 0; i < this.#tests.length; i += 1) {
      const { test, bit } = this.#tests[i] as { readonly test: Test; readonly bit: number };
      if (test(tape, node)) mask |= bit;
    }
    const known = this.#variants.get(mask);
    return known ?? this.under(mask);
  }

  /**
   * Outcomes to ask about what may be masked here: none of the conditions, each alone, all. Where the value of `system`
   * is known, only the conditions that it meets; where the codes asked for are, no condition on other codes. Codes are
   * taken to be of a published system.
   */
  outcomes(known: Known = {}): readonly number[] {
    const builtIn = this.type === 'Extension' ? 0 : this.#builtInBit;
    if (known.system !== undefined) {
      let met = builtIn;
      for (const { item, bit } of this.#conditional) {
        const condition = conditionAt(item);
        if (condition !== undefined && saidOf(condition, 'system', known.system) === true) met |= bit;
      }
      return [met];
    }
    const bits = new Set<number>();
    for (const { item, bit } of this.#conditional) {
      const condition = conditionAt(item);
      const equal = condition === undefined ? undefined : equalValues(condition);
      const elsewhere =
        known.codes !== undefined &&
        equal?.path.join('.') === 'code.coding.code' &&
        !equal.values.some((value) => known.codes?.includes(value));
      if (!elsewhere) bits.add(bit);
    }
    const all = [...bits].reduce((sum, bit) => sum | bit, 0);
    return [...new Set([0, ...bits, all])].map((mask) => mask | builtIn);
  }

  under(mask: number): Variant {
    let variant = this.#variants.get(mask);
    if (variant === undefined) {
      variant = this.#compile(mask);
      this.#variants.set(mask, variant);
      if (this.#groups.length === 0 && this.#tests.length === 0) this.#only = variant;
    }
    return variant;
  }

  #holding(mask: number): Item[] {
    const failed = new Set(this.#conditional.filter(({ bit }) => (mask & bit) === 0).map(({ item }) => item));
    return this.#items.filter((item) => !failed.has(item));
  }

  #compile(mask: number): Variant {
    const items = this.#holding(mask);
    const builtIn = (mask & this.#builtInBit) !== 0;
    const decisions = this.#inherited.map((inherited, layer) => this.#decide(items, inherited, layer, builtIn));
    const strictest = decisions.reduce((worst, each) =>
      strictness(each.method) > strictness(worst.method) ? each : worst,
    );
    const action = this.#whole(strictest, items);
    const below = decisions.map((decision, layer): Inherited => this.#handDown(decision, this.#inherited[layer]));
    const edges = new KeyTable<Edge>();
    const hidden: Edge[] = [];
    let unknown: 'keep' | 'remove' = 'keep';
    this.#automaton.layers.forEach((layer, index) => {
      if (layer.defaults.unknown === 'remove' || below[index]?.mode === 'safe') unknown = 'remove';
    });
    if (action === undefined || action.method === 'generalise') {
      const schema = typeSchema(primitiveTypes.has(this.type) ? 'Element' : this.type);
      for (const element of schema?.elements.values() ?? []) {
        const edge = this.#edge(element, items, below, builtIn);
        edges.set(element.name, edge);
        if (edge.action?.method === 'hide' || edge.state.alwaysHidden) hidden.push(edge);
      }
    }
    return { type: this.type, action, edges, unknown, hidden };
  }

  /** True when every element in this state is hidden, so that its absence must look the same. */
  get alwaysHidden(): boolean {
    if (this.#conditional.length > 0 || this.#builtInBit !== 0) return false;
    return this.#items.some((item) => isComplete(item) && !item.pattern.except && item.pattern.rule.method === 'hide');
  }

  #edge(element: ElementSchema, items: readonly Item[], below: readonly Inherited[], builtIn: boolean): Edge {
    const resource = element.type === 'Resource';
    const primitive = primitiveTypes.has(element.type);
    const next = this.#automaton.next(items, element, this.resource);
    const state = this.#automaton.state(element.type, this.resource, next, below);
    return {
      element,
      primitive,
      resource,
      state,
      action: primitive ? state.leaf(this.type, element, builtIn || this.#builtInBit === 0) : undefined,
    };
  }

  /** What one layer says about this element, before what others say. */
  #decide(items: readonly Item[], inherited: Inherited, layer: number, builtIn: boolean): Decision {
    const complete = items.filter((item) => isComplete(item) && item.pattern.layer === layer);
    const excepted = new Set(complete.filter((item) => item.pattern.except).map((item) => item.pattern.rule));
    const named = complete
      .map((item) => item.pattern.rule)
      .filter((rule) => !excepted.has(rule))
      .sort((a, b) => strictness(b.method) - strictness(a.method))[0];
    if (this.type === 'Extension') {
      // The mark that something is absent tells nothing else.
      if (builtIn && (named === undefined || named.method === 'remove')) return { method: 'keep', rule: undefined };
      if (named === undefined) {
        const passes = this.#automaton.layers[layer]?.defaults.extensions === 'keep' && inherited.mode === 'keep';
        return { method: passes ? 'keep' : 'remove', rule: undefined };
      }
    }
    if (named !== undefined) return { method: named.method, rule: named };
    if (inherited.method !== undefined) return { method: inherited.method.method, rule: inherited.method };
    if (inherited.mode === 'keep') return { method: 'keep', rule: undefined };
    return { method: this.#removedByType(builtIn, items, layer) ? 'remove' : 'by-type', rule: undefined };
  }

  /** Datatypes that are nothing but what must go, unless a rule opens a part of them. */
  #removedByType(builtIn: boolean, items: readonly Item[], layer: number): boolean {
    if (this.type === 'Coding') return !builtIn;
    const opened = items.some(
      (item) =>
        item.pattern.layer === layer &&
        !isComplete(item) &&
        !item.pattern.except &&
        strictness(item.pattern.rule.method) < strictness('redact'),
    );
    if (opened) return false;
    return ['HumanName', 'Address', 'ContactPoint', 'Identifier', 'Narrative', 'Annotation', 'Signature'].includes(
      this.type,
    );
  }

  #handDown(decision: Decision, inherited: Inherited | undefined): Inherited {
    const { method, rule } = decision;
    // What hangs on a kept value beside it, its id and extensions, is not the value.
    if (method === 'keep' && primitiveTypes.has(this.type)) return { mode: inherited?.mode ?? 'safe' };
    if (method === 'keep') {
      return { mode: rule === undefined && this.type !== 'Extension' ? (inherited?.mode ?? 'safe') : 'keep' };
    }
    if (method === 'by-type' || rule === undefined) return { mode: 'safe' };
    return this.#passesOn(method, rule) ? { mode: 'safe', method: rule } : { mode: 'safe' };
  }

  /** A method on a whole stays out of parts that only describe: an identifier's type is no identifier. */
  #passesOn(method: MethodName, rule: MaskRule): boolean {
    const { type } = this;
    if (method === 'date-shift' || method === 'perturb' || method === 'scrub') return type !== 'Extension';
    if (method === 'generalise') return type !== 'Extension' || rule.options.to === 'ages';
    const direct = this.#items.some((item) => isComplete(item) && item.pattern.rule === rule);
    return direct || !['CodeableConcept', 'Coding', 'Period', 'Extension', 'Narrative', 'Meta'].includes(type);
  }

  /** What happens to a complex element as a whole. */
  #whole(decision: Decision, items: readonly Item[]): Action | undefined {
    if (primitiveTypes.has(this.type)) return undefined;
    const { method, rule } = decision;
    if (method === 'generalise' && rule?.options.to === 'ages' && lineage(this.type).includes('Quantity')) {
      const bound = !items.some((item) => isComplete(item) && item.pattern.rule === rule);
      return this.#action(method, rule, ageTransform(bound), 'masked');
    }
    if (method === 'substitute') {
      const json = JSON.stringify(rule?.options.value ?? {});
      return this.#action(method, rule, () => json, 'masked');
    }
    if (method === 'remove') return this.#action(method, rule, () => null, 'nothing');
    if (method === 'redact' || method === 'hide') return this.#action(method, rule, () => null, 'masked');
    return undefined;
  }

  #action(
    method: MethodName,
    source: MaskRule | undefined,
    transform: Transform | undefined,
    absence: Absence,
    sibling = false,
  ): Action {
    return {
      method,
      rule: source?.id ?? `default:${this.type}`,
      ...(source === undefined ? {} : { source }),
      label: labelOf(method),
      transform,
      absence,
      sibling,
      options: source?.options ?? {},
    };
  }

  /** The action on a primitive element: settled once, since conditions do not look into primitives. */
  leaf(parent: string, element: ElementSchema, systemIsKnown: boolean): Action | undefined {
    const items = this.#holding(0);
    const place: LeafPlace = {
      type: this.type,
      parent,
      name: element.name,
      ...(element.codes === undefined ? {} : { codes: element.codes }),
    };
    const actions = this.#inherited
      .map((inherited, layer) => this.#leafOf(items, inherited, layer, place, systemIsKnown))
      .filter((action) => action !== undefined)
      .sort((a, b) => strictness(b.method) - strictness(a.method));
    const [strictest, ...milder] = actions;
    if (strictest === undefined || milder.length === 0) return strictest;
    // What the strictest lets stand is still for the others to judge.
    const transforms = actions.map((action, i) => (i > 0 && action.sibling ? () => null : action.transform));
    return {
      ...strictest,
      transform: (walk, node) => {
        for (const transform of transforms) {
          const result = transform?.(walk, node);
          if (result !== undefined) return result;
        }
        return undefined;
      },
    };
  }

  #leafOf(
    items: readonly Item[],
    inherited: Inherited,
    layer: number,
    place: LeafPlace,
    systemIsKnown: boolean,
  ): Action | undefined {
    const decision = this.#decide(items, inherited, layer, false);
    const { method, rule } = decision;
    const isElementId = place.type === 'string' && place.name === 'id';
    if (isElementId && rule === undefined && this.#automaton.layers[layer]?.defaults.unnamed === 'safe') {
      return this.#action('remove', undefined, () => null, 'nothing');
    }
    if (method === 'keep') {
      const restricted = this.#automaton.layers[layer]?.defaults.unnamed === 'safe';
      return restricted && ['date', 'dateTime', 'instant'].includes(place.type)
        ? { ...this.#action('keep', rule, onlyDate, 'masked'), label: labelOf('redact') }
        : undefined;
    }
    // When the server last wrote is known to others too: beside the true moment a shifted one gives the shift away.
    if (method === 'date-shift' && place.parent === 'Meta') return this.#action('remove', rule, () => null, 'nothing');
    if (method !== 'by-type' && rule !== undefined && !this.#describes(place, decision, items)) {
      const transform = methodTransform(method, rule.options, place);
      if (transform !== undefined) {
        const gone = method === 'redact' || method === 'hide' ? 'masked' : method === 'remove' ? 'nothing' : 'masked';
        return this.#action(method, rule, transform, gone, method === 'partial');
      }
    }
    // The extension's URL stays with the extension, or there is none of it.
    if (place.parent === 'Extension' && place.name === 'url') return undefined;
    const isUnit = lineage(place.parent).includes('Quantity') && (place.name === 'code' || place.name === 'system');
    if (isUnit && !systemIsKnown) return this.#action('remove', undefined, () => null, 'nothing');
    const transform = safeTransform(place);
    return this.#action(this.#safeMethod(place), undefined, transform, 'nothing');
  }

  /** Members of a whole under a method that say what kind of thing it is, and are not the thing. */
  #describes(place: LeafPlace, decision: Decision, items: readonly Item[]): boolean {
    if (items.some((item) => isComplete(item) && item.pattern.rule === decision.rule)) return false;
    if (decision.method === 'substitute') return true;
    const textual = ['partial', 'encrypt', 'pseudonymise', 'hash'].includes(decision.method);
    if (!textual) return false;
    const thing: Readonly<Record<string, string>> = {
      Identifier: 'value',
      ContactPoint: 'value',
      Reference: 'reference',
      Coding: 'code',
      Attachment: 'url',
    };
    const only = thing[place.parent];
    return only === undefined ? place.type === 'code' || place.type === 'uri' : only !== place.name;
  }

  /** What the look by datatype does when it changes a value, for labels and for who asks why. */
  #safeMethod(place: LeafPlace): MethodName {
    const named =
      place.type === 'id' || place.name === 'fullUrl' || (place.parent === 'Reference' && place.name === 'reference');
    if (named) return 'pseudonymise';
    return place.type === 'date' || place.type === 'dateTime' ? 'generalise' : 'remove';
  }
}
