import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { PolicyFault } from './fault.ts';
import { nearestName } from './nearest.ts';
import { positionedYaml } from './positioned-yaml.ts';

export type Shaped<Schema extends TSchema> =
  | {
      readonly ok: true;
      readonly value: Static<Schema>;
      /** The fault at a path of the document, for checks that a schema cannot state. */
      fault(path: readonly (string | number)[], text: string, names?: Iterable<string>): PolicyFault;
    }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] };

/** A YAML document of a known shape. Unknown keys are errors: a misspelt rule is no rule. */
export const shapedYaml = <Schema extends TSchema>(file: string, text: string, schema: Schema): Shaped<Schema> => {
  const read = positionedYaml(text);
  if (!read.ok) {
    return {
      ok: false,
      faults: read.faults.map(({ line, column, message }) => ({
        severity: 'error',
        file,
        line,
        column,
        text: message,
      })),
    };
  }
  const { document } = read;
  const fault = (path: readonly (string | number)[], message: string, names?: Iterable<string>): PolicyFault => {
    const nearest = names === undefined ? undefined : nearestName(String(path.at(-1) ?? ''), names);
    const place = { severity: 'error' as const, file, ...document.at(path), text: message };
    return nearest === undefined ? place : { ...place, nearest };
  };
  const faults = [...Value.Errors(schema, document.value)].map((error) => {
    const path = error.path.split('/').slice(1).map(unescapePointer);
    return fault(path, `${path.join('.') || 'the document'}: ${error.message.toLowerCase()}.`);
  });
  if (faults.length > 0) return { ok: false, faults: faults.slice(0, 20) };
  return { ok: true, value: document.value as Static<Schema>, fault };
};

const unescapePointer = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');
