import { elementSetRows } from './generated/element-sets.ts';
import type { ResourceType } from './interaction.ts';

/** A set of top-level element names; `value[x]` stands for each of its typed names. */
export interface ElementSet {
  has(element: string): boolean;
}

const none: ElementSet = { has: () => false };

function setOf(row: string): ElementSet {
  const names = row.split(' ').filter((name) => name !== '');
  const plain = new Set(names.filter((name) => !name.endsWith('[x]')));
  const choices = names.filter((name) => name.endsWith('[x]')).map((name) => name.slice(0, -3));
  return {
    has: (element) =>
      plain.has(element) ||
      choices.some((choice) => element.startsWith(choice) && /^[A-Z]/.test(element.slice(choice.length))),
  };
}

const mandatory = new Map<string, ElementSet>();
const summary = new Map<string, ElementSet>();
for (const [type, [needed, summed]] of Object.entries(elementSetRows)) {
  mandatory.set(type, setOf(needed));
  summary.set(type, setOf(summed));
}

/** Elements with a minimum cardinality of one: `_elements` keeps them (R4 search.html#elements). */
export const mandatoryElements = (type: ResourceType): ElementSet => mandatory.get(type) ?? none;

/** Elements of `_summary=true`. */
export const summaryElements = (type: ResourceType): ElementSet => summary.get(type) ?? none;
