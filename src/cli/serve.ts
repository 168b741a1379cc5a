import { Command } from 'commander';
import type { Loaded } from '../config/load.ts';
import { type ConfigOptions, configOf, withConfigOptions } from './config.ts';

export interface ServeTools {
  /** Resolves when the gateway listens. */
  start(
    loaded: Loaded,
    log: 'info' | 'warn' | 'silent',
  ): Promise<{ readonly url: string; readonly fhirBase: string; close(): Promise<void> }>;
}

/** `consentry serve --config FILE`: the gateway in front of any FHIR server. */
export function serveCommand(tools: ServeTools): Command {
  return withConfigOptions(new Command('serve').description('run the gateway in front of a FHIR server'))
    .option('--quiet', 'do not log requests')
    .option('--json', 'print one JSON object when it listens')
    .action(async (options: ConfigOptions & { quiet?: boolean; json?: boolean }) => {
      const gateway = await tools.start(configOf(options), options.quiet === true ? 'warn' : 'info');
      console.error(
        options.json === true
          ? JSON.stringify({ url: gateway.url, fhir: gateway.fhirBase })
          : `Consentry serves ${gateway.fhirBase}`,
      );
      await closeOnSignal(() => gateway.close());
    });
}

/** Drains on the first SIGINT or SIGTERM; a second one ends at once. */
export function closeOnSignal(close: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let closing = false;
    const end = (): void => {
      if (closing) process.exit(130);
      closing = true;
      close().then(resolve, reject);
    };
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
  });
}
