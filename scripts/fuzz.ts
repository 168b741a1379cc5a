import { existsSync } from 'node:fs';

export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Called for each input that breaks a promise. */
  readonly found: (fault: string, input: string) => void;
  readonly progress: (runs: number) => void;
}

/** Runs until its time is over and returns figures to print. */
export type Fuzz = (
  options: FuzzOptions,
) => Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>;

const [name = '', seconds = '60', seed = String(Date.now() % 2 ** 32)] = process.argv.slice(2);
const file = new URL(`./fuzz-${name}.ts`, import.meta.url);
if (!/^[a-z]+$/.test(name) || !existsSync(file) || !(Number(seconds) > 0)) {
  console.error(
    'Usage: npm run fuzz -- NAME [SECONDS] [SEED]; NAME is one of the scripts/fuzz-NAME.ts, such as classify.',
  );
  process.exit(2);
}
const { fuzz } = (await import(file.href)) as { readonly fuzz: Fuzz };
let finds = 0;
const figures = await fuzz({
  seconds: Number(seconds),
  seed: Number(seed),
  found(fault, input) {
    finds += 1;
    if (finds <= 10) console.error(`${fault}\n  ${input}`);
  },
  progress(runs) {
    if (process.stderr.isTTY) process.stderr.write(`\r${runs} runs`);
  },
});
console.log(JSON.stringify({ fuzz: name, seconds: Number(seconds), seed: Number(seed), ...figures, finds }));
process.exit(finds === 0 ? 0 : 1);
