import { environmentName, settingNames } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';

/** What a reader wants of a schema; TypeBox nodes are plain JSON Schema. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const schema = JSON.parse(JSON.stringify(configSchema)) as Node;

const at = (path: readonly string[]): Node => path.reduce((node, step) => node.properties?.[step] ?? {}, schema);

const isRequired = (path: readonly string[]): boolean =>
  path.every((step, index) => {
    const parent = at(path.slice(0, index));
    return parent.required?.includes(step) === true && parent.properties?.[step]?.default === undefined;
  });

function kindOf(node: Node): string {
  if (node.anyOf !== undefined) return node.anyOf.map((one) => `\`${String(one.const)}\``).join(', ');
  if (node.type === 'array') return `list of ${node.items?.type === 'object' ? 'mappings' : 'texts'}`;
  if (node.type === 'integer' || node.type === 'number') {
    const from = node.minimum === undefined ? '' : ` from ${node.minimum}`;
    const to = node.maximum === undefined ? '' : ` to ${node.maximum}`;
    return `${node.type === 'integer' ? 'whole number' : 'number'}${from}${to}`;
  }
  return node.type === 'object' ? 'mapping' : 'text';
}

const usual = (path: readonly string[], node: Node): string =>
  node.default !== undefined ? `\`${JSON.stringify(node.default)}\`` : isRequired(path) ? '**needed**' : '';

export function configurationPage(): string {
  const settings = settingNames().map((path) => {
    const node = at(path);
    return `| \`${path.join('.')}\` | ${kindOf(node)} | ${usual(path, node)} | \`${environmentName(path)}\` | ${node.description ?? ''} |`;
  });
  const issuer = at(['issuers']).items ?? {};
  return `<!-- Written by scripts/generate-docs.ts from src/config/schema.ts. Do not edit. -->

# Configuration

\`npx consentry serve --config FILE\` reads a YAML file; [examples/consentry.yaml](../examples/consentry.yaml) is a whole one with remarks, and
[operations.md](operations.md) says what to think of when you write yours. Environment variables win over the file, \`--set path=value\` wins over both. An unknown
name is an error wherever it comes from, with its line and what was probably meant. Lists in the environment are JSON or comma-separated.

\`\`\`
npx consentry config check --config FILE
npx consentry config show --config FILE --origin
\`\`\`

Secrets are never written into the configuration: it names them as \`env:NAME\` or \`file:PATH\`. For completion in an editor, start the file with
\`# yaml-language-server: $schema=PATH\`, where PATH leads to [config.schema.json](config.schema.json).

| setting | kind | default | environment | meaning |
| --- | --- | --- | --- | --- |
${settings.join('\n')}

## Each of the issuers

| setting | kind | default | meaning |
| --- | --- | --- | --- |
${members(issuer, [])
  .map(({ path, node, needed }) => {
    const fallback = node.default === undefined ? (needed ? '**needed**' : '') : `\`${JSON.stringify(node.default)}\``;
    return `| \`${path.join('.')}\` | ${kindOf(node)} | ${fallback} | ${node.description ?? ''} |`;
  })
  .join('\n')}

What a token must say, and what its claims mean, is in [sandbox.md](sandbox.md#what-a-token-says).
`;
}

function members(
  node: Node,
  under: readonly string[],
): { readonly path: readonly string[]; readonly node: Node; readonly needed: boolean }[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, inner]) =>
    inner.properties === undefined
      ? [{ path: [...under, key], node: inner, needed: node.required?.includes(key) === true }]
      : members(inner, [...under, key]),
  );
}

/** For editors: what has a default may be left out, which the loader fills in before it checks. */
export function editorSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of the Consentry gateway',
    ...(relaxed(schema) as object),
  };
}

function relaxed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relaxed);
  if (typeof value !== 'object' || value === null) return value;
  const node = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, relaxed(inner)]));
  const { properties, required } = value as Node;
  if (properties === undefined || required === undefined) return node;
  const needed = required.filter((name) => properties[name]?.default === undefined);
  const { required: _required, ...rest } = node;
  return needed.length === 0 ? rest : { ...rest, required: needed };
}
