#!/usr/bin/env node
import './check-node.js';

// The TypeScript sources run directly in a checkout; an installed package has dist only.
const { existsSync } = await import('node:fs');
const source = new URL('../src/main.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
