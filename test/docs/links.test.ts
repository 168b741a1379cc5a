import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { assemble } from '../../src/app.ts';

const pages = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  'fixtures/README.md',
];
const text = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]));

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): Set<string> =>
  new Set(
    [...(text.get(page) ?? readFileSync(page, 'utf8')).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[`*]/g, '')
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

function brokenLinks(page: string): string[] {
  return [...(text.get(page) ?? '').matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^(https?|mailto):/.test(link)) return [];
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(target)) return [`${page}: ${link}`];
    return anchor === undefined || anchorsOf(target).has(anchor) ? [] : [`${page}: ${link}`];
  });
}

const commandsIn = (page: string, pattern: RegExp): string[] =>
  [...(text.get(page) ?? '').replace(/\\\n\s*/g, '').matchAll(pattern)].map(([, rest = '']) => rest.trim());

/** What of a command line the program does not know. */
function unknown(program: Command, line: string): string | undefined {
  let command = program;
  const words = line.split(/\s+/).filter(Boolean);
  while (words[0] !== undefined) {
    const next = command.commands.find((one) => one.name() === words[0]);
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  if (command.commands.length > 0 && words[0]?.startsWith('--') !== true && command !== program)
    return `${line}: ${words[0] ?? 'a subcommand'}`;
  if (command === program && words[0]?.startsWith('--') !== true) return `${line}: ${words[0]}`;
  const flags = new Set(['--', '--help', ...command.options.map((option) => option.long)]);
  const stranger = words.find((word) => word.startsWith('--') && !flags.has(word.split('=')[0] ?? word));
  return stranger === undefined ? undefined : `${line}: ${stranger}`;
}

describe('the pages for readers', () => {
  it('have no link that leads nowhere', () => {
    expect(pages.flatMap(brokenLinks)).toEqual([]);
  });

  it('name only commands and options that consentry has', async () => {
    const program = await assemble();
    const lines = pages
      .flatMap((page) => commandsIn(page, /npx consentry\b([^`\n|)";>]*)/g))
      .filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.flatMap((line) => unknown(program, line) ?? [])).toEqual([]);
  });

  it('name only scripts that the package has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly scripts: object };
    const named = pages.flatMap((page) => commandsIn(page, /npm run (?:--silent )?([a-z:-]+)/g));
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
