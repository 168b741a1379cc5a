import { elementsNamed, pathNames, primitiveTypes, typeNames, typeSchema } from '../fhir/schema.ts';
import { nearestName } from './nearest.ts';
import type { Condition, ElementPath, PathFault } from './path.ts';

const conditionPaths = (condition: Condition): readonly (readonly string[])[] => {
  if ('parts' in condition) return condition.parts.flatMap(conditionPaths);
  if (condition.kind === 'not') return conditionPaths(condition.inner);
  return [condition.path];
};

/** The types a path of names leads to, or the first name that leads nowhere. */
const follow = (types: readonly string[], names: readonly string[]): readonly string[] | PathFault => {
  let here = types;
  for (const name of names) {
    if (name === '$this') continue;
    const next = [...new Set(here.flatMap((type) => elementsNamed(type, name).map((element) => element.type)))];
    if (next.length === 0) {
      const nearest = nearestName(name, new Set(here.flatMap(pathNames)));
      return {
        offset: 0,
        text: `${here.join(' or ') || 'A primitive'} has no element \`${name}\`.`,
        ...(nearest === undefined ? {} : { nearest }),
      };
    }
    here = next;
  }
  return here;
};

/** A condition reads JSON, where a choice element has its type in its name. */
const choiceWithoutType = (types: readonly string[], names: readonly string[]): PathFault | undefined => {
  let here = types;
  for (const name of names) {
    const elements = here.flatMap((type) => elementsNamed(type, name));
    if (elements.length > 0 && elements.every((element) => element.name !== name)) {
      const nearest = elements[0]?.name;
      return {
        offset: 0,
        text: `In a condition \`${name}\` needs its type.`,
        ...(nearest === undefined ? {} : { nearest }),
      };
    }
    here = elements.map((element) => element.type);
  }
  return undefined;
};

const isFault = (found: readonly string[] | PathFault): found is PathFault => 'offset' in found;

/** Judges every name of a path against the R4 schema: the element's types, or the first fault with the nearest name. */
export const checkPath = (path: ElementPath): readonly string[] | PathFault => {
  const at = (name: string): number => Math.max(0, path.text.indexOf(name));
  if (typeSchema(path.root) === undefined && !primitiveTypes.has(path.root)) {
    const nearest = nearestName(path.root, typeNames());
    return {
      offset: 0,
      text: `\`${path.root}\` is no resource type or datatype of FHIR R4.`,
      ...(nearest === undefined ? {} : { nearest }),
    };
  }
  const judge = (types: readonly string[], condition: Condition | undefined): PathFault | undefined => {
    for (const names of condition === undefined ? [] : conditionPaths(condition)) {
      const found = follow(types, names);
      if (isFault(found)) return { ...found, offset: at(names.join('.')) };
      const choice = choiceWithoutType(types, names);
      if (choice !== undefined) return { ...choice, offset: at(names.join('.')) };
    }
    if (condition !== undefined && types.some((type) => primitiveTypes.has(type))) {
      return { offset: at('where'), text: '`where` must stand at an element that has members, not at a plain value.' };
    }
    return undefined;
  };
  let types: readonly string[] = [path.root];
  const fault = judge(types, path.where);
  if (fault !== undefined) return fault;
  for (const step of path.steps) {
    const found = follow(types, [step.name]);
    if (isFault(found)) return { ...found, offset: at(step.name) };
    if (step.ofType !== undefined && !found.includes(step.ofType)) {
      const nearest = nearestName(step.ofType, found);
      return {
        offset: at(step.ofType),
        text: `\`${step.name}\` is never a ${step.ofType}.`,
        ...(nearest === undefined ? {} : { nearest }),
      };
    }
    types = step.ofType === undefined ? found : [step.ofType];
    const inner = judge(types, step.where);
    if (inner !== undefined) return inner;
  }
  return types;
};
