import type { PolicyFault } from './fault.ts';

/** A comparison or a combination of them, inside `where(...)`: the safe subset of FHIRPath that policies may use. */
export type Condition =
  | { readonly kind: 'compare'; readonly path: readonly string[]; readonly operator: Operator; readonly value: Literal }
  | { readonly kind: 'in'; readonly path: readonly string[]; readonly values: readonly Literal[] }
  | { readonly kind: 'starts' | 'matches'; readonly path: readonly string[]; readonly value: string }
  | { readonly kind: 'exists'; readonly path: readonly string[] }
  | { readonly kind: 'not'; readonly inner: Condition }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] };
export type Operator = '=' | '!=' | '<' | '>' | '<=' | '>=';
export type Literal = string | number | boolean;

export interface PathStep {
  readonly name: string;
  readonly ofType?: string;
  readonly where?: Condition;
}

/** `Patient.identifier.where(system = '...').value`: a type, and steps from it. */
export interface ElementPath {
  readonly text: string;
  readonly root: string;
  readonly where?: Condition;
  readonly steps: readonly PathStep[];
}

/** Why a path was refused, with the offset into its text. */
export interface PathFault {
  readonly offset: number;
  readonly text: string;
  readonly nearest?: PolicyFault['nearest'];
}

interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'mark' | 'end';
  readonly text: string;
  readonly at: number;
}

const tokenPattern = /\s*(?:('(?:[^'\\]|\\.)*')|(-?\d+(?:\.\d+)?)|(\$?[A-Za-z_][\w-]*)|(!=|<=|>=|[.()=<>,|]))/y;

const tokensOf = (text: string): Token[] | PathFault => {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length && text.slice(at).trim() !== '') {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(text);
    if (match === null) {
      return { offset: at, text: `\`${text.slice(at).trim().charAt(0)}\` has no place in a path.` };
    }
    const [whole, quoted, digits, name, mark] = match;
    const offset = at + whole.length - whole.trimStart().length;
    if (quoted !== undefined) {
      tokens.push({ kind: 'string', text: quoted.slice(1, -1).replace(/\\(.)/g, '$1'), at: offset });
    } else if (digits !== undefined) tokens.push({ kind: 'number', text: digits, at: offset });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, at: offset });
    else tokens.push({ kind: 'mark', text: mark ?? '', at: offset });
    at += whole.length;
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
};

class PathError extends Error {
  readonly fault: PathFault;
  constructor(offset: number, text: string) {
    super(text);
    this.fault = { offset, text };
  }
}

const refused =
  'policies may use only `where`, `ofType`, `extension`, `exists`, `startsWith`, `matches`, `not` and comparisons';

/** Characters, sets of them and counts: nothing that could run long on a hostile value. */
const plainPattern = /^\^?(?:(?:[\w /:@-]|\\[.d-]|\[[\w /:.-]+\])(?:\{\d{1,2}\})?)+\$?$/;

class PathParser {
  readonly #tokens: readonly Token[];
  #here = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get #token(): Token {
    return this.#tokens[this.#here] as Token;
  }

  #fail(text: string): never {
    throw new PathError(this.#token.at, text);
  }

  #take(kind: Token['kind'], text?: string): Token {
    const token = this.#token;
    if (token.kind !== kind || (text !== undefined && token.text !== text)) {
      const wanted = text === undefined ? (kind === 'name' ? 'a name' : `a ${kind}`) : `\`${text}\``;
      this.#fail(`Expected ${wanted} but found ${token.kind === 'end' ? 'the end' : `\`${token.text}\``}.`);
    }
    this.#here += 1;
    return token;
  }

  #sees(text: string): boolean {
    return (this.#token.kind === 'mark' || this.#token.kind === 'name') && this.#token.text === text;
  }

  #call(): boolean {
    const next = this.#tokens[this.#here + 1];
    return this.#token.kind === 'name' && next?.kind === 'mark' && next.text === '(';
  }

  path(text: string): ElementPath {
    const root = this.#take('name').text;
    let rootWhere: Condition | undefined;
    const steps: { name: string; ofType?: string; where?: Condition }[] = [];
    const narrow = (condition: Condition): void => {
      const last = steps.at(-1);
      const both = (old: Condition | undefined): Condition =>
        old === undefined ? condition : { kind: 'and', parts: [old, condition] };
      if (last === undefined) rootWhere = both(rootWhere);
      else last.where = both(last.where);
    };
    // A backbone element as a root is the path to it: `Patient.contact` needs no type of its own here.
    while (this.#token.kind !== 'end') {
      this.#take('mark', '.');
      if (!this.#call()) {
        steps.push({ name: this.#take('name').text });
        continue;
      }
      const name = this.#take('name').text;
      this.#take('mark', '(');
      if (name === 'where') narrow(this.#or());
      else if (name === 'ofType') {
        const type = this.#take('name').text;
        const last = steps.at(-1);
        if (last === undefined) this.#fail('`ofType` must follow an element.');
        else last.ofType = type;
      } else if (name === 'extension') {
        const url = this.#take('string').text;
        steps.push({ name: 'extension', where: { kind: 'compare', path: ['url'], operator: '=', value: url } });
      } else {
        this.#here -= 2;
        this.#fail(`\`${name}\` is not allowed here: ${refused}.`);
      }
      this.#take('mark', ')');
    }
    return { text, root, steps, ...(rootWhere === undefined ? {} : { where: rootWhere }) };
  }

  #or(): Condition {
    const parts = [this.#and()];
    while (this.#sees('or')) {
      this.#here += 1;
      parts.push(this.#and());
    }
    return parts.length === 1 ? (parts[0] as Condition) : { kind: 'or', parts };
  }

  #and(): Condition {
    const parts = [this.#term()];
    while (this.#sees('and')) {
      this.#here += 1;
      parts.push(this.#term());
    }
    return parts.length === 1 ? (parts[0] as Condition) : { kind: 'and', parts };
  }

  #term(): Condition {
    if (this.#sees('(')) {
      this.#here += 1;
      const inner = this.#or();
      this.#take('mark', ')');
      return this.#negated(inner);
    }
    const path: string[] = [];
    for (;;) {
      if (this.#call()) return this.#negated(this.#function(path));
      path.push(this.#take('name').text);
      if (!this.#sees('.')) break;
      this.#here += 1;
    }
    if (this.#sees('in')) {
      this.#here += 1;
      this.#take('mark', '(');
      const values = [this.#literal()];
      while (this.#sees('|') || this.#sees(',')) {
        this.#here += 1;
        values.push(this.#literal());
      }
      this.#take('mark', ')');
      return { kind: 'in', path, values };
    }
    const token = this.#token;
    if (token.kind !== 'mark' || !['=', '!=', '<', '>', '<=', '>='].includes(token.text)) {
      this.#fail(`Expected a comparison after \`${path.join('.')}\`.`);
    }
    this.#here += 1;
    return { kind: 'compare', path, operator: token.text as Operator, value: this.#literal() };
  }

  #function(path: readonly string[]): Condition {
    const name = this.#take('name').text;
    this.#take('mark', '(');
    let condition: Condition;
    if (name === 'exists') condition = { kind: 'exists', path };
    else if (name === 'startsWith') condition = { kind: 'starts', path, value: this.#take('string').text };
    else if (name === 'matches') {
      if (!plainPattern.test(this.#token.text))
        this.#fail('A pattern is of characters, sets in brackets and counts in braces, such as `^[0-9]{3}-[0-9]{4}$`.');
      condition = { kind: 'matches', path, value: this.#take('string').text };
    } else {
      this.#here -= 2;
      return this.#fail(`\`${name}\` is not allowed here: ${refused}.`);
    }
    this.#take('mark', ')');
    return condition;
  }

  #negated(condition: Condition): Condition {
    if (!this.#sees('.')) return condition;
    this.#here += 1;
    this.#take('name', 'not');
    this.#take('mark', '(');
    this.#take('mark', ')');
    return { kind: 'not', inner: condition };
  }

  #literal(): Literal {
    const token = this.#token;
    this.#here += 1;
    if (token.kind === 'string') return token.text;
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'name' && (token.text === 'true' || token.text === 'false')) return token.text === 'true';
    this.#here -= 1;
    return this.#fail('Expected a text in single quotes, a number, true or false.');
  }
}

/** Syntax only; whether the names exist in R4 is judged by `checkPath`. */
export const parsePath = (text: string): ElementPath | PathFault => {
  const tokens = tokensOf(text);
  if (!Array.isArray(tokens)) return tokens;
  try {
    return new PathParser(tokens).path(text);
  } catch (error) {
    if (error instanceof PathError) return error.fault;
    throw error;
  }
};

export const isPathFault = (path: ElementPath | PathFault): path is PathFault => 'offset' in path;
