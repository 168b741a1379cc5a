import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { PolicyFault } from './fault.ts';
import { nearestName } from './nearest.ts';

export interface PolicyFile {
  /** Relative to the policy folder, with forward slashes: `elements/names.yaml`. */
  readonly name: string;
  readonly text: string;
}

/** A value of a YAML file that knows where it stands. */
export interface Placed {
  readonly line: number;
  readonly column: number;
}

type YamlNode = Node | null | undefined;

/**
 * Reads one YAML file and gathers faults. Every accessor reports what it does not understand, so that a file is judged
 * whole instead of one fault at a time.
 */
export class PolicySource {
  readonly file: PolicyFile;
  readonly faults: PolicyFault[] = [];
  readonly root: YamlNode;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(file: PolicyFile) {
    this.file = file;
    // `core` leaves a date as the text it is.
    this.#document = parseDocument(file.text, { lineCounter: this.#lines, uniqueKeys: true, schema: 'core' });
    for (const error of this.#document.errors) {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      this.#report(line, col, `This is not YAML: ${error.message.split('\n')[0] ?? ''}`);
    }
    this.root = this.#document.contents;
  }

  place(node: YamlNode): Placed {
    const offset = node?.range?.[0];
    if (offset === undefined || offset === null) return { line: 1, column: 1 };
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }

  #report(line: number, column: number, text: string, nearest?: string, severity: 'error' | 'warning' = 'error'): void {
    this.faults.push({
      severity,
      file: this.file.name,
      line,
      column,
      text,
      ...(nearest === undefined ? {} : { nearest }),
    });
  }

  fault(node: YamlNode, text: string, nearest?: string): void {
    const { line, column } = this.place(node);
    this.#report(line, column, text, nearest);
  }

  /** A fault within the text of a scalar that stands on one line. */
  faultWithin(node: YamlNode, offset: number, text: string, nearest?: string): void {
    const { line, column } = this.place(node);
    const quoted = isScalar(node) && (node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE') ? 1 : 0;
    this.#report(line, column + quoted + offset, text, nearest);
  }

  warn(node: YamlNode, text: string): void {
    const { line, column } = this.place(node);
    this.#report(line, column, text, undefined, 'warning');
  }

  /** The members of a mapping by name; a name that is not among `known` is a fault. */
  members(node: YamlNode, known: readonly string[], what: string): Map<string, YamlNode> {
    const members = new Map<string, YamlNode>();
    if (!isMap(node)) {
      this.fault(node, `${what} must be a mapping of names to values.`);
      return members;
    }
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (!known.includes(key)) {
        this.fault(pair.key as YamlNode, `${what} has no field \`${key}\`.`, nearestName(key, known));
      } else members.set(key, pair.value as YamlNode);
    }
    return members;
  }

  text(node: YamlNode, what: string): string | undefined {
    if (node === undefined) return undefined;
    if (isScalar(node) && typeof node.value === 'string' && node.value !== '') return node.value;
    this.fault(node, `${what} must be text.`);
    return undefined;
  }

  /** A date or other word that YAML may have read as something else: taken as it was written. */
  word(node: YamlNode, what: string): string | undefined {
    if (node === undefined) return undefined;
    if (isScalar(node) && node.value !== null) return node.source ?? String(node.value);
    this.fault(node, `${what} must be one value.`);
    return undefined;
  }

  oneOf<Name extends string>(node: YamlNode, names: readonly Name[], what: string): Name | undefined {
    const text = this.text(node, what);
    if (text === undefined) return undefined;
    const found = names.find((name) => name === text);
    if (found === undefined) {
      this.fault(node, `${what} must be one of ${names.join(', ')}; \`${text}\` is not.`, nearestName(text, names));
    }
    return found;
  }

  flag(node: YamlNode, what: string): boolean | undefined {
    if (node === undefined) return undefined;
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    this.fault(node, `${what} must be true or false.`);
    return undefined;
  }

  number(node: YamlNode, what: string): number | undefined {
    if (node === undefined) return undefined;
    if (isScalar(node) && typeof node.value === 'number' && Number.isFinite(node.value)) return node.value;
    this.fault(node, `${what} must be a number.`);
    return undefined;
  }

  items(node: YamlNode, what: string): readonly YamlNode[] {
    if (node === undefined) return [];
    if (isSeq(node)) return node.items as YamlNode[];
    this.fault(node, `${what} must be a list.`);
    return [];
  }

  words(node: YamlNode, what: string): readonly { readonly text: string; readonly node: YamlNode }[] {
    return this.items(node, what).flatMap((item) => {
      const text = this.text(item, `Each of ${what}`);
      return text === undefined ? [] : [{ text, node: item }];
    });
  }

  /** A plain value, for resources inside tests and for options that are maps. */
  value(node: YamlNode): unknown {
    return node === null || node === undefined ? undefined : node.toJS(this.#document);
  }

  /** The value of a scalar, whatever it is. */
  plain(node: YamlNode): unknown {
    return isScalar(node) ? node.value : undefined;
  }

  /** The fields that a mapping has, to tell what kind of file it is. */
  fieldNames(): readonly string[] {
    if (!isMap(this.root)) return [];
    return this.root.items.map((pair) => (isScalar(pair.key) ? String(pair.key.value) : ''));
  }
}
