import { existsSync } from 'node:fs';

/** `npm run soak -- NAME [ARGUMENTS]` runs scripts/soak/NAME.ts: long trials that `npm test` has no time for. */
const [name = '', ...rest] = process.argv.slice(2);
const file = new URL(`./${name}.ts`, import.meta.url);
if (!/^[a-z-]+$/.test(name) || name === 'main' || !existsSync(file)) {
  console.error('Usage: npm run soak -- NAME; NAME is a file of scripts/soak/, such as ledger.');
  process.exit(2);
}
process.argv.splice(2, process.argv.length, ...rest);
await import(file.href);
