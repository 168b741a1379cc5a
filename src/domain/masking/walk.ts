import { is, member, raw, stringOf, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { ABSENT, absenceOf } from './absence.ts';
import { type Action, type Edge, type State, unknownAction, type Variant } from './automaton.ts';
import { CompiledPlan, type ProjectKeys } from './compile.ts';
import { besideType, inPlaceOf, type LabelPlace, settleLabels, withinMeta } from './label-place.ts';
import { editLeaf, fits, staysBeside } from './leaf.ts';
import { LABEL } from './method.ts';
import { patientNamed } from './patient.ts';
import type { Masked, MaskingContext, MaskingPlan, MaskResource, Unmaskable } from './plan.ts';
import { isPartialSibling } from './transform.ts';
import type { Editing, Mark, OpenSplice, Outcome } from './walk-state.ts';

/** First letters of the members without which an object of the type says nothing (ext-1, inv-1). */
const saying: Readonly<Record<string, string>> = { Extension: 've_', 'Parameters.parameter': 'vrp_' };

class Withheld extends Error {}

/** The resource that is being walked; one within another has its own. */
interface Here {
  readonly node: number;
  /** Of what was done to it. */
  labels: number;
  place: LabelPlace | undefined;
  /** Within one that it contains, which has no labels of its own. */
  contained: boolean;
  patient: string | undefined;
  /** The patient has been looked for. */
  sought: boolean;
}

const hereOf = (node: number, patient: string | undefined): Here => ({
  node,
  labels: 0,
  place: undefined,
  contained: false,
  patient,
  sought: false,
});

/** One walk over one resource. Not for use twice. */
class Walk implements Editing {
  readonly tape: Tape;
  readonly context: MaskingContext;
  readonly splices: OpenSplice[] = [];
  /** Of each edit so far. */
  readonly fired: Action[] = [];
  readonly marks: Mark[] | undefined;
  holder = -1;
  count = 0;
  #here: Here;
  readonly #plan: CompiledPlan;
  readonly #keys: ProjectKeys;

  constructor(tape: Tape, plan: CompiledPlan, context: MaskingContext, marks: Mark[] | undefined) {
    this.tape = tape;
    this.#plan = plan;
    this.context = context;
    this.#keys = plan.keysOf(context);
    this.marks = marks;
    this.#here = hereOf(-1, context.patient);
  }

  key(name: string): Uint8Array {
    return this.#keys.of(name, this.context);
  }

  patient(): string | undefined {
    const here = this.#here;
    if (!here.sought && this.context.patient === undefined) {
      here.sought = true;
      here.patient = patientNamed(this.tape, here.node) ?? here.patient;
    }
    return here.patient;
  }

  /** `removed`: the plan does not cover what stands here. */
  resource(node: number, contained: boolean): Outcome {
    const { tape } = this;
    const typeNode = member(tape, node, 'resourceType');
    const type = stringOf(tape, typeNode);
    const state = type === undefined ? undefined : this.#plan.automaton.resource(type);
    if (type === undefined || state === undefined) {
      this.note(node, unknownAction, 'removed');
      return 'removed';
    }
    const outer = this.#here;
    const { contained: before } = outer;
    if (contained) outer.contained = true;
    else this.#here = hereOf(node, outer.patient);
    const here = this.#here;
    const first = this.splices.length;
    if (!contained && member(tape, node, 'meta') < 0) this.#label(besideType(tape, typeNode, type));
    const variant = state.variant(tape, node);
    if (variant.action?.transform !== undefined && variant.action.transform(this, node) === null) {
      this.note(node, variant.action, 'removed');
      this.#here = outer;
      outer.contained = before;
      return 'removed';
    }
    this.#members(node, variant, true);
    if (!contained && here.place !== undefined) settleLabels(this.splices, first, here.labels, here.place);
    this.#here = outer;
    outer.contained = before;
    return 'kept';
  }

  #label(place: LabelPlace): void {
    this.#here.place = place;
    this.splices.push(place.splice);
  }

  note(node: number, action: Action, outcome: Mark['outcome']): void {
    this.count += 1;
    this.#here.labels |= outcome === 'changed' ? action.label : LABEL.redacted;
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
    this.#here.labels |= LABEL.redacted;
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
        return edge.action === undefined && fits(tape, value, edge) ? 'kept' : editLeaf(this, key, value, edge);
      }
      if (isResource && edge.element.type === 'Meta' && !this.#here.contained) return this.#meta(value, edge);
      return this.#complex(value, edge);
    }
    if (isResource && is(tape, key, 'resourceType')) return 'kept';
    if (bytes[from] === 0x5f) {
      const base = variant.edges.find(view, from + 1, to) ?? this.#escaped(key, from + 1, to, variant);
      if (base?.primitive === true) return this.#sibling(node, key, value, base);
    }
    if (variant.unknown === 'keep') return 'kept';
    this.note(key, unknownAction, 'removed');
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

  /** `_name`: id and extensions of a primitive. They stay only where the value could. */
  #sibling(node: number, key: number, value: number, edge: Edge): Outcome {
    const { tape } = this;
    const { action } = edge;
    const base = action === undefined ? -1 : member(tape, node, edge.element.name);
    if (action !== undefined && base >= 0 && !staysBeside(this, node, base, edge, action)) {
      this.note(key, action, 'removed');
      return 'removed';
    }
    if (action?.method === 'hide') return 'removed';
    if (action?.sibling === true && base < 0 && tape.kind[value] === KIND.object) {
      if (isPartialSibling(tape, value, action.options)) return 'kept';
    }
    return this.#complex(value, edge);
  }

  #complex(value: number, edge: Edge): Outcome {
    const { tape } = this;
    const { start, end, next, kind } = tape;
    const list = edge.element.list;
    if (!list || edge.primitive) {
      if (kind[value] === KIND.object) return this.#element(value, edge, !edge.element.required || edge.primitive);
      if (!edge.primitive || kind[value] !== KIND.array || !list) {
        this.note(value, unknownAction, 'removed');
        return 'removed';
      }
    } else if (kind[value] !== KIND.array) {
      this.note(value, unknownAction, 'removed');
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
        if (edge.element.path === 'modifierExtension')
          throw new Withheld('it has a modifier extension that the plan may not show');
        if (action.method === 'hide') {
          this.note(node, action, 'removed');
          return 'removed';
        }
        if (action.absence === 'nothing' && optional) {
          this.note(node, action, 'removed');
          return 'removed';
        }
        const mark = edge.primitive ? ABSENT : absenceOf(edge.element.type);
        if (this.#isText(node, mark)) return 'kept';
        this.note(node, action, 'masked');
        this.splices.push({ start: start[node] as number, end: end[node] as number, text: mark });
        return 'kept';
      }
      if (result !== undefined) {
        if (result === raw(tape, node)) return 'kept';
        this.note(node, action, 'changed');
        this.splices.push({ start: start[node] as number, end: end[node] as number, text: result });
        return 'kept';
      }
    }
    if ((tape.next[node] as number) === node + 1) return 'kept';
    const around = this.#withoutResource;
    this.#withoutResource = false;
    const left = this.#members(node, variant, false);
    const empty = left === 0 || this.#withoutResource;
    // What an element within an entry is does not say whether the entry has its resource.
    this.#withoutResource = around;
    if (!empty) return 'kept';
    if (edge.element.path === 'modifierExtension')
      throw new Withheld('it has a modifier extension that the plan may not show');
    this.splices.length = first;
    if (optional) return 'removed';
    const mark = edge.primitive ? ABSENT : absenceOf(edge.element.type);
    this.splices.push({ start: start[node] as number, end: end[node] as number, text: mark });
    return 'kept';
  }

  /** Already nothing but the mark: masking twice is masking once. */
  #isText(node: number, mark: string): boolean {
    return (
      (this.tape.end[node] as number) - (this.tape.start[node] as number) === mark.length &&
      raw(this.tape, node) === mark
    );
  }

  #nested(node: number, edge: Edge): Outcome {
    const contained = edge.element.name === 'contained';
    if (!contained) {
      const outcome = this.#entry(node);
      if (outcome === 'removed' && isHead(this.tape, this.#here.node, node))
        throw new Withheld('it is a document or message whose first resource the plan may not show');
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
    const here = this.#here;
    try {
      return this.resource(node, false);
    } catch (error) {
      if (!(error instanceof Withheld)) throw error;
      this.#here = here;
      this.splices.length = first;
      this.note(node, unknownAction, 'removed');
      return 'removed';
    }
  }

  #meta(value: number, edge: Edge): Outcome {
    const { tape } = this;
    const first = this.splices.length;
    const isObject = tape.kind[value] === KIND.object;
    if (!isObject) this.note(value, unknownAction, 'removed');
    if (!isObject || this.#element(value, edge, true) === 'removed') {
      this.splices.length = first;
      this.#label(inPlaceOf(tape, value));
    } else this.#label(withinMeta(tape, value, this.splices.slice(first)));
    return 'kept';
  }
}

/** A document is nothing without its Composition, nor a message without its MessageHeader (bdl-11, bdl-12). */
const isHead = (tape: Tape, bundle: number, resource: number): boolean => {
  const type = bundle < 0 ? undefined : stringOf(tape, member(tape, bundle, 'type'));
  if (type !== 'document' && type !== 'message') return false;
  const entries = member(tape, bundle, 'entry');
  return entries >= 0 && member(tape, entries + 1, 'resource') === resource;
};

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
    return { kind: 'unmaskable', reason: error.message };
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
