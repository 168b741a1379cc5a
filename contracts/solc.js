#!/usr/bin/env node
import { readFileSync } from 'node:fs';
// Lets forge use the npm compiler: it asks for --version, then sends standard JSON and reads standard JSON.
import { createRequire } from 'node:module';

const solc = createRequire(import.meta.url)('solc');
if (process.argv.includes('--version')) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else {
  process.stdout.write(solc.compile(readFileSync(0, 'utf8')));
}
