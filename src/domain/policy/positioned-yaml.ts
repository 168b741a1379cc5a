import { isMap, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

export interface YamlFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** A YAML document as a plain value, with the place of every path for errors. */
export interface PositionedYaml {
  readonly value: unknown;
  at(path: readonly (string | number)[]): { readonly line: number; readonly column: number };
}

/** Aliases are bounded and custom tags refused: configuration is data. */
export function positionedYaml(
  text: string,
):
  | { readonly ok: true; readonly document: PositionedYaml }
  | { readonly ok: false; readonly faults: readonly YamlFault[] } {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, strict: true, uniqueKeys: true, schema: 'core' });
  if (document.errors.length > 0) {
    return {
      ok: false,
      faults: document.errors.map((error) => {
        const { line, col } = counter.linePos(error.pos[0]);
        return { line, column: col, message: error.message.split('\n')[0] ?? 'not YAML' };
      }),
    };
  }
  return {
    ok: true,
    document: {
      value: document.toJS({ maxAliasCount: 50 }),
      at(path) {
        let offset = document.contents?.range?.[0] ?? 0;
        let node: unknown = document.contents;
        for (const step of path) {
          if (isMap(node)) {
            const pair = node.items.find((item) => String((item.key as { value?: unknown }).value) === String(step));
            if (pair === undefined) break;
            offset = (pair.key as Node).range?.[0] ?? offset;
            node = pair.value;
          } else if (isSeq(node)) {
            node = node.items[Number(step)];
            offset = (node as Node | undefined)?.range?.[0] ?? offset;
          } else break;
        }
        const { line, col } = counter.linePos(offset);
        return { line, column: col };
      },
    },
  };
}
