/**
 * Adds to package-lock.json the optional platform packages that a partial registry mirror left out.
 * `npm ci` refuses a lock that lacks them, even on machines that would never install them.
 * Run after every `npm install`; a second run changes nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const packages = lock.packages;
const pattern = /(?:^|[-/])(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|x64|ia32|ppc64|riscv64|s390x)/;
for (const [where, entry] of Object.entries({ ...packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const nested = `${where}/node_modules/${name}`;
    const top = `node_modules/${name}`;
    if (packages[nested] || packages[top] || !where) continue;
    const [, os, cpu] = pattern.exec(name) ?? [];
    if (!os) throw new Error(`No platform in the name of the missing optional package ${name} of ${where}`);
    packages[top] = { version, cpu: [cpu], optional: true, os: [os], ...(entry.dev ? { dev: true } : {}) };
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
