import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { labelCodes } from './method.ts';
import type { OpenSplice } from './walk-state.ts';

const LABEL_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';

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

/** Where the labels of a view go: known when the walk meets `meta`, written when it is done. */
export interface LabelPlace {
  readonly splice: OpenSplice;
  /** What the text is: an item of `security` or its first, the member or the only one, the whole `meta`, or a `meta` after the type. */
  readonly form: 'item' | 'first' | 'member' | 'only' | 'whole' | 'beside';
  /** Labels that are there already. */
  readonly present: number;
}

/** Beside the type of a resource without `meta`. Not an insertion: those could meet a removal that begins at the same byte. */
export const besideType = ({ start, end }: Tape, typeNode: number, type: string): LabelPlace => ({
  splice: { start: start[typeNode] as number, end: end[typeNode] as number, text: `"${type}"` },
  form: 'beside',
  present: 0,
});

/** In place of a `meta` of which nothing is left. */
export const inPlaceOf = ({ start, end }: Tape, meta: number): LabelPlace => ({
  splice: { start: start[meta] as number, end: end[meta] as number, text: '{}' },
  form: 'whole',
  present: 0,
});

/** Within a `meta` that stays; `edits` are those made in it. */
export const withinMeta = (tape: Tape, meta: number, edits: readonly OpenSplice[]): LabelPlace => {
  const { start, end, next } = tape;
  const security = member(tape, meta, 'security');
  const inside =
    security >= 0 &&
    tape.kind[security] === KIND.array &&
    !edits.some((edit) => edit.start <= (start[security] as number) && edit.end >= (end[security] as number));
  let present = 0;
  if (inside) {
    for (let item = security + 1; item < (next[security] as number); item = next[item] as number) {
      const bit = labelCodes.findIndex((code) => stringOf(tape, member(tape, item, 'code')) === code);
      if (bit >= 0 && stringOf(tape, member(tape, item, 'system')) === LABEL_SYSTEM) present |= 1 << bit;
    }
  }
  const at = (inside ? (end[security] as number) : (end[meta] as number)) - 1;
  const container = inside ? security : meta;
  const empty = next[container] === container + 1;
  return {
    splice: { start: at, end: at, text: '' },
    form: inside ? (empty ? 'first' : 'item') : empty ? 'only' : 'member',
    present,
  };
};

/** Writes the labels, or takes the splice back where there is none to write. */
export const settleLabels = (splices: OpenSplice[], first: number, labels: number, place: LabelPlace): void => {
  const text = labelText(labels & ~place.present);
  if (text === '') {
    const at = splices.indexOf(place.splice, first);
    if (at >= 0) splices.splice(at, 1);
    return;
  }
  const forms = {
    item: `,${text}`,
    first: text,
    member: `,"security":[${text}]`,
    only: `"security":[${text}]`,
    whole: `{"security":[${text}]}`,
    beside: `${place.splice.text},"meta":{"security":[${text}]}`,
  };
  place.splice.text = forms[place.form];
};
