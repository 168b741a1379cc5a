import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** One line of a result. `reach` is the figure that was aimed at; `ok` is null where nothing was. */
export interface Row {
  readonly name: string;
  readonly figure: number;
  readonly unit: string;
  readonly reach: string;
  readonly ok: boolean | null;
}

const [name, ...flags] = process.argv.slice(2);
const file = new URL(`./${name}.ts`, import.meta.url);
if (name === undefined || !/^[a-z-]+$/.test(name) || name === 'main' || !existsSync(file)) {
  console.error(
    'Usage: npm run bench -- NAME [--json] [--quick] [--sustained]; NAME is a file of bench/, such as proxy or json.',
  );
  process.exit(2);
}
const quick = flags.includes('--quick');
const json = flags.includes('--json');
const { run } = (await import(file.href)) as {
  run(options: { quick: boolean; sustained: boolean }): Promise<readonly Row[]>;
};
const rows = await run({ quick, sustained: flags.includes('--sustained') });
const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
if (json) console.log(JSON.stringify({ bench: name, machine, rows }));
else {
  console.log(`${name} on ${machine}`);
  for (const row of rows)
    console.log(
      `  ${row.name.padEnd(56)} ${format(row.figure).padStart(12)} ${row.unit.padEnd(10)} ${row.reach === '' ? '' : `reach ${row.reach}${row.ok === null ? '' : row.ok ? ': yes' : ': no'}`}`,
    );
}
process.exit(0);

function format(figure: number): string {
  return Math.abs(figure) >= 1000 ? Math.round(figure).toLocaleString('en') : String(Number(figure.toPrecision(3)));
}
