import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type Loaded, loadConfig } from '../config/load.ts';

/** A mistake in how the command was called or in what it was given: exit code 2, and a sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const withConfigOptions = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration file (YAML)')
    .option(
      '--set <path=value>',
      'set one value, for example upstream.url=http://localhost:9000/fhir; repeatable',
      (value: string, all: string[]) => [...all, value],
      [],
    );

export interface ConfigOptions {
  readonly config?: string;
  readonly set: readonly string[];
}

export function configOf(options: ConfigOptions): Loaded {
  const result = readConfig(options);
  if (!result.ok)
    throw new UsageError(`The configuration is not valid:\n${result.faults.map((fault) => `  ${fault}`).join('\n')}`);
  return result.loaded;
}

function readConfig(options: ConfigOptions): ReturnType<typeof loadConfig> {
  const sources = { environment: process.env, flags: options.set };
  return loadConfig(
    options.config === undefined
      ? sources
      : { ...sources, file: { name: options.config, text: textOf(options.config) } },
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new UsageError(`The configuration file ${file} cannot be read. Check the path and the permissions.`);
  }
}

export function configCommand(): Command {
  const command = new Command('config').description('check and show the configuration');
  withConfigOptions(command.command('check').description('say whether the configuration is valid'))
    .option('--json', 'print one JSON object')
    .action((options: ConfigOptions & { json?: boolean }) => {
      const result = readConfig(options);
      if (options.json && !result.ok) {
        console.log(JSON.stringify({ ok: false, faults: result.faults }));
        process.exitCode = 2;
        return;
      }
      configOf(options);
      console.log(options.json ? JSON.stringify({ ok: true }) : 'The configuration is valid.');
    });
  withConfigOptions(command.command('show').description('print every value in force'))
    .option('--origin', 'say where each value came from')
    .option('--json', 'print one JSON object')
    .action((options: ConfigOptions & { json?: boolean; origin?: boolean }) => {
      const { config, origins } = configOf(options);
      if (options.json) {
        console.log(JSON.stringify(options.origin ? { config, origins: Object.fromEntries(origins) } : config));
        return;
      }
      for (const [path, value] of flat(config)) {
        console.log(`${path}: ${JSON.stringify(value)}${options.origin ? `  (${origins.get(path) ?? 'file'})` : ''}`);
      }
    });
  return command;
}

function flat(value: object, under = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, unknown][] => {
    const path = under === '' ? key : `${under}.${key}`;
    return typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? flat(inner, path) : [[path, inner]];
  });
}
