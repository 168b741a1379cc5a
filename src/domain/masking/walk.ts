import { primitiveTypes, typeSchema } from '../fhir/schema.ts';
import { is, member, stringOf, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Action, type Edge, type State, unknownAction, type Variant } from './automaton.ts';
import { CompiledPlan, type ProjectKeys } from './compile.ts';
import { LABEL, labelCodes } from './method.ts';
import { patientNamed } from './patient.ts';
import type { Masked, MaskingContext, MaskingPlan, MaskResource, Unmaskable } from './plan.ts';
import { isPartialSibling } from './transform.ts';
import type { OpenSplice, WalkState } from './walk-state.ts';

const ABSENT_LIST = '[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]';
/** Data-absent-reason `masked`: what stands where a value may not. */
export const ABSENT = `{"extension":${ABSENT_LIST}}`;
const absences = new Map<string, string>();

/** The mark in place of an element of the type: what the type requires is marked too, or it would not be valid. */
const absenceOf = (type: string): string => {
  let known = absences.get(type);
  if (known === undefined) {
    const parts = [`"extension":${ABSENT_LIST}`];
    for (const element of typeSchema(type)?.elements.values() ?? []) {
      if (!element.required || element.choice) continue;
      const primitive = primitiveTypes.has(element.type);
      const mark = primitive ? ABSENT : absenceOf(element.type);
      parts.push(`"${primitive ? '_' : ''}${element.name}":${element.list ? `[${mark}]` : mark}`);
    }
    known = `{${parts.join(',')}}`;
    absences.set(type, known);
  }
  return known;
};

/** First letters of the members without which an object of the type says nothing (ext-1, inv-1). */
const saying: Readonly<Record<string, string>> = { Extension: 've_', 'Parameters.parameter': 'vrp_' };

const LABEL_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';

/** What an edit did, for those who explain it. */
export interface Mark {
  readonly node: number;
  readonly action: Action;
  readonly outcome: 'removed' | 'masked' | 'changed';
}

const labelTexts: (string | undefined)[] = [];

/** The codings for a set of labels: the same few again and again, so each is built once. */
const labelText = (labels: number): string => {
  let known = labelTexts[labels];
  if (known === undefined) {
    known = labelCodes
      .filter((_, bit) => (labels & (1 << bit)) !== 0)
      .map((code) => `{"system":"${LABEL_SYSTEM}","code":"${code}"}`)
      .join(',');
    labelTexts[labels] = known;
  }
  return known;
};

type Outcome = 'kept' | 'removed';

class Withheld extends Error {}

/** One walk over one resource. Not for use twice. */
class Walk implements WalkState {
  readonly tape: Tape;
  readonly context: MaskingContext;
  readonly splices: OpenSplice[] = [];
  /** Of each edit so far. */
  readonly fired: Action[] = [];
  readonly marks: Mark[] | undefined;
  holder = -1;
  count = 0;
  #labels = 0;
  #contained = false;
  readonly #plan: CompiledPlan;
  readonly #keys: ProjectKeys;
  #patient: string | undefined;

  constructor(tape: Tape, plan: CompiledPlan, context: MaskingContext, marks: Mark[] | undefined) {
    this.tape = tape;
    this.#plan = plan;
    this.context = context;
    this.#keys = plan.keysOf(context);
    this.marks = marks;
    this.#patient = context.patient;
  }

  key(name: string): Uint8Array {
    return this.#keys.of(name, this.context);
  }

  #resource = -1;
  #sought = false;

  patient(): string | undefined {
    if (!this.#sought && this.context.patient === undefined) {
      this.#sought = true;
      this.#patient = patientNamed(this.tape, this.#resource) ?? this.#patient;
    }
    return this.#patient;
  }

  /** `removed`: the plan does not cover what stands here. */
  resource(node: number, contained: boolean): Outcome {
    const { tape } = this;
    const typeNode = member(tape, node, 'resourceType');
    const type = stringOf(tape, typeNode);
    const state = type === undefined ? undefined : this.#plan.automaton.resource(type);
    if (type === undefined || state === undefined) {
      this.#note(node, unknownAction, 'removed');
      return 'removed';
    }
    const outer = [this.#labels, this.#contained, this.#resource, this.#sought, this.#patient] as const;
    if (!contained) {
      this.#labels = 0;
      this.#resource = node;
      this.#sought = false;
    }
    this.#contained = contained;
    const first = this.splices.length;
    let label: OpenSplice | undefined;
    if (!contained && member(tape, node, 'meta') < 0) {
      // Not an insertion: those could meet a removal that begins at the same byte.
      label = { start: tape.start[typeNode] as number, end: tape.end[typeNode] as number, text: `"${type}"` };
      this.splices.push(label);
    }
    const variant = state.variant(tape, node);
    if (variant.action?.transform !== undefined && variant.action.transform(this, node) === null) {
      this.#note(node, variant.action, 'removed');
      this.#restore(outer, contained);
      return 'removed';
    }
    this.#members(node, variant, true);
    if (!contained) this.#settleLabels(first, label);
    this.#restore(outer, contained);
    return 'kept';
  }

  #restore(outer: readonly [number, boolean, number, boolean, string | undefined], contained: boolean): void {
    if (!contained) [this.#labels, , this.#resource, this.#sought, this.#patient] = outer;
    this.#contained = outer[1];
  }

  #metaSplice: { splice: OpenSplice; form: 'item' | 'first' | 'member' | 'whole'; present: number } | undefined;

  #settleLabels(first: number, start: OpenSplice | undefined): void {
    const meta = this.#metaSplice;
    this.#metaSplice = undefined;
    if (this.#labels === 0) {
      const open = start ?? meta?.splice;
      const at = open === undefined ? -1 : this.splices.indexOf(open, first);
      if (at >= 0) this.splices.splice(at, 1);
      return;
    }
    if (start !== undefined) {
      start.text += `,"meta":{"security":[${labelText(this.#labels)}]}`;
      return;
    }
    if (meta === undefined) return;
    const labels = labelText(this.#labels & ~meta.present);
    if (labels === '') {
      const at = this.splices.indexOf(meta.splice, first);
      if (at >= 0) this.splices.splice(at, 1);
      return;
    }
    const forms = {
      item: `,${labels}`,
      first: labels,
      member: `,"security":[${labels}]`,
      whole: `{"security":[${labels}]}`,
    };
    meta.splice.text = forms[meta.form];
  }

  #note(node: number, action: Action, outcome: Mark['outcome']): void {
    this.count += 1;
    this.#labels |= outcome === 'changed' ? action.label : LABEL.redacted;
    this.fired.push(action);
    this.marks?.push({ node, action, outcome });
  }

  /** Takes bytes out; with what was taken out right before them, neighbours in the same object or list, it is one edit. */
  #cut(start: number, end: number): void {
    const last = this.splices[this.splices.length - 1];
    if (last !== undefined && last.end === start && last.text === '' && last.start < start) last.end = end;
    else this.splices.push({ start, end, text: '' });
  }

  /** Walks the members of an object; the answer is how many are left. */
  #members(node: number, variant: Variant, isResource: boolean): number {
    const { tape } = this;
    const { start, end, next, bytes } = tape;
    const past = next[node] as number;
    const first = this.splices.length;
    let kept = 0;
    let before = -1;
    const needed = saying[variant.type];
    let hasValue = false;
    for (let key = node + 1; key < past; key = next[key] as number) {
      const value = key + 1;
      const memberEnd = end[value] as number;
      const outcome = this.#member(node, key, value, variant, isResource);
      if (outcome === 'kept') {
        kept += 1;
        if (needed !== undefined && !hasValue) {
          hasValue = needed.includes(String.fromCharCode(bytes[(start[key] as number) + 1] as number));
        }
      } else if (kept > 0) {
        this.#cut(before, memberEnd);
      } else if ((next[key] as number) < past) {
        this.#cut(start[key] as number, start[next[key] as number] as number);
      }
      before = memberEnd;
    }
    if (needed !== undefined && kept > 0 && !hasValue) return 0;
    if (variant.hidden.length > 0) {
      if (kept === 0) {
        this.splices.length = first;
        this.splices.push({ start: (start[node] as number) + 1, end: (end[node] as number) - 1, text: '' });
      }
      for (const edge of variant.hidden) kept += this.#hide(node, edge, kept);
    }
    return kept;
  }

  /** The same mark at the same place, whether the element was there or not. */
  #hide(node: number, edge: Edge, kept: number): number {
    const at = (this.tape.end[node] as number) - 1;
    const name = edge.primitive ? `_${edge.element.name}` : edge.element.name;
    const mark = edge.primitive ? ABSENT : absenceOf(edge.element.type);
    const absent = edge.element.list ? `[${mark}]` : mark;
    this.splices.push({ start: at, end: at, text: `${kept > 0 ? ',' : ''}"${name}":${absent}` });
    this.#labels |= LABEL.redacted;
    return 1;
  }

  #member(node: number, key: number, value: number, variant: Variant, isResource: boolean): Outcome {
    const { tape } = this;
    const { bytes, view } = tape;
    const from = (tape.start[key] as number) + 1;
    const to = (tape.end[key] as number) - 1;
    const edge = variant.edges.find(view, from, to) ?? this.#escaped(key, from, to, variant);
    if (edge !== undefined) {
      if (edge.primitive) {
        this.holder = node;
        return edge.action === undefined && this.#fits(value, edge) ? 'kept' : this.#primitive(key, value, edge);
      }
      if (isResource && edge.element.type === 'Meta' && !this.#contained) return this.#meta(value, edge);
      return this.#complex(value, edge);
    }
    if (isResource && is(tape, key, 'resourceType')) return 'kept';
    if (bytes[from] === 0x5f) {
      const base = variant.edges.find(view, from + 1, to) ?? this.#escaped(key, from + 1, to, variant);
      if (base?.primitive === true) return this.#sibling(node, key, value, base);
    }
    if (variant.unknown === 'keep') return 'kept';
    this.#note(key, unknownAction, 'removed');
    return 'removed';
  }

  /** A name with an escape in it is unescaped first: `"n\u0061me"` is `name`. */
  #escaped(key: number, from: number, to: number, variant: Variant): Edge | undefined {
    const { bytes } = this.tape;
    for (let at = from; at < to; at += 1) {
      if (bytes[at] === 0x5c) {
        const name = text(this.tape, key);
        return variant.edges.named(bytes[from - 1] === 0x5f ? name.slice(1) : name);
      }
    }
    return undefined;
  }

  /** A passed element must have the shape of its type, or something else would pass under its name. */
  #fits(value: number, edge: Edge): boolean {
    const kind = this.tape.kind[value];
    if (edge.element.list) return kind === KIND.array && this.#flat(value);
    return kind !== KIND.object && kind !== KIND.array;
  }

  #flat(list: number): boolean {
    const { kind, next } = this.tape;
    for (let item = list + 1; item < (next[list] as number); item = next[item] as number) {
      if (kind[item] === KIND.object || kind[item] === KIND.array) return false;
    }
    return true;
  }

  #primitive(key: number, value: number, edge: Edge): Outcome {
    const { action } = edge;
    if (action === undefined || !this.#fits(value, edge)) {
      this.#note(value, unknownAction, 'removed');
      return 'removed';
    }
    if (edge.element.list) return this.#primitives(key, value, edge, action);
    if (action.method === 'hide') {
      this.#note(value, action, 'removed');
      return 'removed';
    }
    const result = action.transform?.(this, value);
    if (result === undefined) return 'kept';
    if (result === null) return this.#takeAway(key, value, edge, action);
    this.#note(value, action, 'changed');
    const { start, end } = this.tape;
    if (action.sibling) {
      // What the sibling had beside goes with the value.
      this.splices.push({
        start: start[key] as number,
        end: end[value] as number,
        text: `"_${edge.element.name}":${result}`,
      });
    } else this.splices.push({ start: start[value] as number, end: end[value] as number, text: result });
    return 'kept';
  }

  #takeAway(key: number, value: number, edge: Edge, action: Action): Outcome {
    const { start, end } = this.tape;
    if (action.absence === 'nothing' && !edge.element.required) {
      this.#note(value, action, 'removed');
      return 'removed';
    }
    this.#note(value, action, 'masked');
    this.splices.push({
      start: start[key] as number,
      end: end[value] as number,
      text: `"_${edge.element.name}":${ABSENT}`,
    });
    return 'kept';
  }

  #primitives(key: number, list: number, edge: Edge, action: Action): Outcome {
    const { tape } = this;
    const { start, end, next, kind } = tape;
    const results: (string | null | undefined)[] = [];
    for (let item = list + 1; item < (next[list] as number); item = next[item] as number) {
      results.push(kind[item] === KIND.null ? undefined : action.transform?.(this, item));
    }
    if (results.every((result) => result === undefined)) return 'kept';
    const dropped = results.every((result) => result === null);
    if (action.method === 'hide' || (dropped && action.absence === 'nothing' && !edge.element.required)) {
      this.#note(list, action, 'removed');
      return 'removed';
    }
    this.#note(list, action, results.includes(null) ? 'masked' : 'changed');
    const { name } = edge.element;
    let item = list + 1;
    const values: string[] = [];
    const siblings: string[] = [];
    for (const result of results) {
      const old = this.#slice(item);
      if (result === undefined) {
        values.push(old);
        siblings.push('null');
      } else if (result === null) {
        values.push('null');
        siblings.push(ABSENT);
      } else {
        values.push(action.sibling ? 'null' : result);
        siblings.push(action.sibling ? result : 'null');
      }
      item = next[item] as number;
    }
    const parts: string[] = [];
    if (values.some((each) => each !== 'null')) parts.push(`"${name}":[${values.join(',')}]`);
    if (siblings.some((each) => each !== 'null')) parts.push(`"_${name}":[${siblings.join(',')}]`);
    this.splices.push({ start: start[key] as number, end: end[list] as number, text: parts.join(',') });
    return 'kept';
  }

  #slice(node: number): string {
    const { bytes, start, end } = this.tape;
    return new TextDecoder().decode(bytes.subarray(start[node] as number, end[node] as number));
  }

  /** `_name`: id and extensions of a primitive. They stay only where the value could. */
  #sibling(node: number, key: number, value: number, edge: Edge): Outcome {
    const { tape } = this;
    const { action } = edge;
    const base = action === undefined ? -1 : member(tape, node, edge.element.name);
    if (action !== undefined && base >= 0 && !this.#staysBeside(node, base, edge, action)) {
      this.#note(key, action, 'removed');
      return 'removed';
    }
    if (action?.method === 'hide') return 'removed';
    if (action?.sibling === true && base < 0 && tape.kind[value] === KIND.object) {
      if (isPartialSibling(tape, value, action.options)) return 'kept';
    }
    return this.#complex(value, edge);
  }

  #staysBeside(node: number, base: number, edge: Edge, action: Action): boolean {
    this.holder = node;
    if (!edge.element.list) {
      const result = action.transform?.(this, base);
      return result === undefined || (result !== null && !action.sibling);
    }
    const { next } = this.tape;
    if (this.tape.kind[base] !== KIND.array) return false;
    for (let item = base + 1; item < (next[base] as number); item = next[item] as number) {
      if (this.tape.kind[item] === KIND.null) continue;
      const result = action.transform?.(this, item);
      if (result === null || (result !== undefined && action.sibling)) return false;
    }
    return true;
  }

  #complex(value: number, edge: Edge): Outcome {
    const { tape } = this;
    const { start, end, next, kind } = tape;
    const list = edge.element.list;
    if (!list || edge.primitive) {
      if (kind[value] === KIND.object) return this.#element(value, edge, !edge.element.required || edge.primitive);
      if (!edge.primitive || kind[value] !== KIND.array || !list) {
        this.#note(value, unknownAction, 'removed');
        return 'removed';
      }
    } else if (kind[value] !== KIND.array) {
      this.#note(value, unknownAction, 'removed');
      return 'removed';
    }
    const first = this.splices.length;
    let kept = 0;
    let nulls = 0;
    let before = -1;
    for (let item = value + 1; item < (next[value] as number); item = next[item] as number) {
      const outcome =
        kind[item] === KIND.object
          ? this.#element(item, edge, true)
          : kind[item] === KIND.null && edge.primitive
            ? 'kept'
            : 'removed';
      if (kind[item] === KIND.null) nulls += 1;
      if (outcome === 'kept') kept += 1;
      else if (edge.primitive) {
        nulls += 1;
        // The place of an item of `_given` is that of the value it belongs to.
        this.splices.push({ start: start[item] as number, end: end[item] as number, text: 'null' });
        kept += 1;
      } else if (kept > 0) this.#cut(before, end[item] as number);
      else if ((next[item] as number) < (next[value] as number)) {
        this.#cut(start[item] as number, start[next[item] as number] as number);
      }
      before = end[item] as number;
    }
    if (kept > nulls) return 'kept';
    this.splices.length = first;
    if (edge.primitive || !edge.element.required || edge.state.alwaysHidden) return 'removed';
    this.splices.push({
      start: start[value] as number,
      end: end[value] as number,
      text: `[${absenceOf(edge.element.type)}]`,
    });
    return 'kept';
  }

  /** One complex element; `optional`: it may go without a mark. */
  #element(node: number, edge: Edge, optional: boolean): Outcome {
    const { tape } = this;
    if (edge.resource) return this.#nested(node, edge);
    const { start, end } = tape;
    const state: State = edge.state;
    const variant = state.variant(tape, node);
    const { action } = variant;
    const first = this.splices.length;
    if (action !== undefined) {
      const result = action.transform?.(this, node);
      if (result === null) {
        if (edge.element.path === 'modifierExtension') throw new Withheld('modifier-extension');
        if (action.method === 'hide') {
          this.#note(node, action, 'removed');
          return 'removed';
        }
        if (action.absence === 'nothing' && optional) {
          this.#note(node, action, 'removed');
          return 'removed';
        }
        const mark = edge.primitive ? ABSENT : absenceOf(edge.element.type);
        if (this.#isText(node, mark)) return 'kept';
        this.#note(node, action, 'masked');
        this.splices.push({ start: start[node] as number, end: end[node] as number, text: mark });
        return 'kept';
      }
      if (result !== undefined) {
        if (result === this.#slice(node)) return 'kept';
        this.#note(node, action, 'changed');
        this.splices.push({ start: start[node] as number, end: end[node] as number, text: result });
        return 'kept';
      }
    }
    if ((tape.next[node] as number) === node + 1) return 'kept';
    if (this.#members(node, variant, false) > 0 && !this.#withoutResource) return 'kept';
    this.#withoutResource = false;
    if (edge.element.path === 'modifierExtension') throw new Withheld('modifier-extension');
    this.splices.length = first;
    if (optional) return 'removed';
    const mark = edge.primitive ? ABSENT : absenceOf(edge.element.type);
    this.splices.push({ start: start[node] as number, end: end[node] as number, text: mark });
    return 'kept';
  }

  /** Already nothing but the mark: masking twice is masking once. */
  #isText(node: number, mark: string): boolean {
    return (
      (this.tape.end[node] as number) - (this.tape.start[node] as number) === mark.length && this.#slice(node) === mark
    );
  }

  #nested(node: number, edge: Edge): Outcome {
    const contained = edge.element.name === 'contained';
    if (!contained) {
      const outcome = this.#entry(node);
      // An entry without its resource would still tell that there is one.
      this.#withoutResource = outcome === 'removed';
      return outcome;
    }
    if (this.resource(node, true) === 'removed') {
      // References to it stay whole (ref-1): an empty resource of that id stands in its place.
      const id = stringOf(this.tape, member(this.tape, node, 'id')) ?? '';
      const shown = /^[A-Za-z0-9.-]{1,64}$/.test(id) && !this.#plan.pseudonymous ? `,"id":"${id}"` : '';
      const { start, end } = this.tape;
      this.splices.push({
        start: start[node] as number,
        end: end[node] as number,
        text: `{"resourceType":"Basic"${shown},"code":${ABSENT}}`,
      });
    }
    return 'kept';
  }

  #withoutResource = false;

  /** A resource within a Bundle or Parameters that must be withheld goes alone. */
  #entry(node: number): Outcome {
    const first = this.splices.length;
    try {
      return this.resource(node, false);
    } catch (error) {
      if (!(error instanceof Withheld)) throw error;
      this.splices.length = first;
      this.#note(node, unknownAction, 'removed');
      return 'removed';
    }
  }

  #meta(value: number, edge: Edge): Outcome {
    const { tape } = this;
    const { start, end, next } = tape;
    const whole = { start: start[value] as number, end: end[value] as number, text: '{}' };
    if (tape.kind[value] !== KIND.object) {
      this.#note(value, unknownAction, 'removed');
      this.#metaSplice = { splice: whole, form: 'whole', present: 0 };
      this.splices.push(whole);
      return 'kept';
    }
    const first = this.splices.length;
    const outcome = this.#element(value, edge, true);
    if (outcome === 'removed') {
      this.splices.length = first;
      this.#metaSplice = { splice: whole, form: 'whole', present: 0 };
      this.splices.push(whole);
      return 'kept';
    }
    const security = member(tape, value, 'security');
    const inside =
      security >= 0 &&
      tape.kind[security] === KIND.array &&
      !this.splices
        .slice(first)
        .some((s) => s.start <= (start[security] as number) && s.end >= (end[security] as number));
    let present = 0;
    if (inside) {
      for (let item = security + 1; item < (next[security] as number); item = next[item] as number) {
        const bit = labelCodes.findIndex((code) => stringOf(tape, member(tape, item, 'code')) === code);
        if (bit >= 0 && stringOf(tape, member(tape, item, 'system')) === LABEL_SYSTEM) present |= 1 << bit;
      }
    }
    const at = (inside ? (end[security] as number) : (end[value] as number)) - 1;
    const empty = inside ? next[security] === security + 1 : next[value] === value + 1;
    const splice = { start: at, end: at, text: '' };
    this.#metaSplice = { splice, form: inside ? (empty ? 'first' : 'item') : 'member', present };
    this.splices.push(splice);
    return 'kept';
  }
}

const walked = (
  tape: Tape,
  node: number,
  plan: MaskingPlan,
  context: MaskingContext,
  marks: Mark[] | undefined,
): Masked | Unmaskable => {
  if (!(plan instanceof CompiledPlan)) return { kind: 'unmaskable', reason: 'the plan was not compiled here' };
  const type = stringOf(tape, member(tape, node, 'resourceType'));
  if (type === undefined || !plan.automaton.covers(type)) {
    return { kind: 'unmaskable', reason: 'the plan does not cover this type of resource' };
  }
  if (plan.transparent) return { kind: 'masked', splices: [], rules: [], count: 0 };
  const walk = new Walk(tape, plan, context, marks);
  try {
    if (walk.resource(node, false) === 'removed') {
      return { kind: 'unmaskable', reason: 'a rule removes the resource as a whole' };
    }
  } catch (error) {
    if (!(error instanceof Withheld)) throw error;
    return { kind: 'unmaskable', reason: 'it has a modifier extension that the plan may not show' };
  }
  return {
    kind: 'masked',
    splices: walk.splices,
    rules: [...new Set(walk.fired.map((action) => action.rule))],
    count: walk.count,
  };
};

/** Masks one resource: one walk over its part of the tape, splices out. The tape is not changed. */
export const maskResource: MaskResource = (tape, node, plan, context) => walked(tape, node, plan, context, undefined);

/** The same walk, with what it did to each element. */
export const markResource = (
  tape: Tape,
  node: number,
  plan: MaskingPlan,
  context: MaskingContext,
): { readonly result: Masked | Unmaskable; readonly marks: readonly Mark[] } => {
  const marks: Mark[] = [];
  return { result: walked(tape, node, plan, context, marks), marks };
};
