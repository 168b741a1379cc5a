import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { documented } from './documented.ts';
import type { OpenApi, Operation, Schema } from './openapi.ts';

const style = `
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --link: light-dark(#3b5bdb, #a5b4ff); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
html { background: light-dark(#fff, #1a1b1e); color: light-dark(#1a1b1e, #e9ecef) }
body { max-width: 56rem; margin: 0 auto; padding: 1rem 1rem 4rem }
h1 { font-size: 1.75rem; font-weight: 650; margin: 1rem 0 .25rem }
h2 { font-size: 1.25rem; font-weight: 650; margin: 2rem 0 .5rem }
h3 { font-size: 1rem; font-weight: 650; margin: 1rem 0 .25rem }
a { color: var(--link) }
a:focus-visible, summary:focus-visible, pre:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0 }
nav a { display: inline-block; padding: .25rem 0 }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: 0 .75rem }
summary { cursor: pointer; padding: .6rem 0; overflow-wrap: anywhere }
summary span { display: block; margin-left: 1.1rem }
code, pre { font: .875rem/1.5 ui-monospace, "Cascadia Mono", Menlo, monospace }
code { overflow-wrap: anywhere }
pre { background: var(--soft); border-radius: .5rem; padding: .75rem; overflow-x: auto }
ul.fields { padding-left: 1.25rem; margin: .25rem 0 }
ul.fields li { margin: .25rem 0; overflow-wrap: anywhere }
.method { display: inline-block; min-width: 3.5rem; font-weight: 650 }
.must { font-weight: 650 }`;

/** No script, no outside source, no frame around it. */
const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** `GET /api/docs`: the OpenAPI document for people, without a script. */
export function openApiPageRoutes(app: FastifyInstance, read: () => OpenApi): void {
  let page: string | undefined;
  app.get(
    '/api/docs',
    documented('This API as a page to read.', { open: true, answers: 'text/html' }),
    (_request, reply) => {
      page ??= openApiPage(read());
      return reply
        .header('content-security-policy', policy)
        .header('x-frame-options', 'DENY')
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .header('cross-origin-opener-policy', 'same-origin')
        .header('cache-control', 'public, max-age=60')
        .type('text/html; charset=utf-8')
        .send(page);
    },
  );
}

interface Called extends Operation {
  readonly method: string;
  readonly path: string;
}

export function openApiPage({ info, servers, paths }: OpenApi): string {
  const base = servers[0]?.url ?? '';
  const groups = new Map<string, Called[]>();
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? '';
      groups.set(tag, [...(groups.get(tag) ?? []), { ...operation, method: method.toUpperCase(), path }]);
    }
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${html(info.title)} API</title><style>${style}</style></head>
<body>
<header>
<h1>${html(info.title)} API</h1>
<p>${html(info.description)} <a href="/api/v1/openapi.json">This page as OpenAPI 3.1</a>, <a href="/fhir/metadata">CapabilityStatement</a>.</p>
</header>
<nav aria-label="Groups"><ul>
${[...groups.keys()].map((tag) => `<li><a href="#${html(tag)}">${html(tag)}</a></li>`).join('\n')}
</ul></nav>
<main>
${[...groups].map(([tag, calls]) => groupOf(tag, calls, base)).join('\n')}
</main>
</body>
</html>
`;
}

const groupOf = (tag: string, calls: readonly Called[], base: string): string =>
  `<section aria-labelledby="${html(tag)}">
<h2 id="${html(tag)}">${html(tag)}</h2>
${calls.map((call) => callOf(call, base)).join('\n')}
</section>`;

function callOf(call: Called, base: string): string {
  const { method, path, summary, operationId, parameters = [], requestBody, responses, security } = call;
  const [body] = Object.values(requestBody?.content ?? {});
  const open = security?.length === 0;
  const [status = '200', done] = Object.entries(responses).find(([name]) => name !== 'default') ?? [];
  const media = Object.keys(done?.content ?? {}).join(', ');
  return `<details id="${html(operationId)}">
<summary><span class="method">${html(method)}</span> <code>${html(path)}</code><span>${html(summary)}</span></summary>
<p>${open ? 'Open to all.' : 'Needs a token.'} Answers <code>${html(status)}</code> with <code>${html(media)}</code>, or a refusal with its code.</p>
${parameters.length === 0 ? '' : `<h3>Parameters</h3>\n${list(parameters.map((each) => field(`${each.name} (${each.in})`, each.required, each.schema)))}`}
${body === undefined ? '' : `<h3>Body</h3>\n${fieldsOf(body.schema)}`}
<h3>Example</h3>
<pre tabindex="0" role="region" aria-label="Example of ${html(method)} ${html(path)}">${html(exampleOf(call, base, open))}</pre>
</details>`;
}

function exampleOf({ method, path, requestBody }: Called, base: string, open: boolean): string {
  const lines = [`curl ${method === 'GET' ? '' : `-X ${method} `}"${base}${path}"`];
  if (!open) lines.push('-H "Authorization: Bearer $TOKEN"');
  if (requestBody !== undefined) lines.push('-H "Content-Type: application/json"', "-d '{ ... }'");
  return lines.join(' \\\n  ');
}

const list = (items: readonly string[]): string =>
  `<ul class="fields">\n${items.map((item) => `<li>${item}</li>`).join('\n')}\n</ul>`;

const field = (name: string, required: boolean, schema: Schema): string =>
  [
    `<code>${html(name)}</code>`,
    html(typeOf(schema)),
    required ? '<span class="must">required</span>' : '',
    schema.description === undefined ? '' : html(schema.description),
    fieldsOf(schema),
  ]
    .filter((part) => part !== '')
    .join(' ');

/** What an object holds, or what an array holds objects of. */
function fieldsOf(schema: Schema): string {
  const { properties, required = [], items, anyOf } = schema;
  if (properties !== undefined)
    return list(Object.entries(properties).map(([name, inner]) => field(name, required.includes(name), inner)));
  if (items !== undefined) return fieldsOf(items);
  return (anyOf ?? [])
    .map(fieldsOf)
    .filter((part) => part !== '')
    .join('\n');
}

function typeOf(schema: Schema): string {
  const { type, items, anyOf, const: only } = schema;
  if (only !== undefined) return JSON.stringify(only);
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' or ');
  if (items !== undefined) return `array of ${typeOf(items)}`;
  const bounds = [
    ['at least', schema.minimum],
    ['at most', schema.maximum],
    ['up to characters', schema.maxLength],
  ].flatMap(([word, bound]) => (bound === undefined ? [] : [`${word} ${bound}`]));
  return [type ?? 'anything', ...bounds].join(', ').replace(/up to characters (\d+)/, 'up to $1 characters');
}

const html = (text: string): string => text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);
