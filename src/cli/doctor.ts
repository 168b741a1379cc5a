import { Command } from 'commander';
import type { Config } from '../config/schema.ts';
import { type ConfigOptions, configOf, withConfigOptions } from './config.ts';

/** One thing that a gateway needs, and whether it is there. No address, no secret. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** A sentence: what was found, and what to do when it is not right. */
  readonly detail: string;
}

export interface DoctorTools {
  readonly examine: (config: Config) => AsyncIterable<Finding>;
}

/** `consentry doctor`: whether everything that a configuration names is there and fits, without starting a gateway. */
export function doctorCommand(tools: DoctorTools): Command {
  return withConfigOptions(new Command('doctor'))
    .description(
      'try everything that a configuration names: secrets, folders, policies, FHIR server, issuers, chain, database',
    )
    .option('--json', 'print one JSON object')
    .action(async (options: ConfigOptions & { json?: boolean }) => {
      const { config } = configOf(options);
      const findings: Finding[] = [];
      for await (const finding of tools.examine(config)) {
        findings.push(finding);
        if (!options.json) console.log(`${finding.ok ? 'ok     ' : 'NOT OK '} ${finding.name}: ${finding.detail}`);
      }
      const wrong = findings.filter(({ ok }) => !ok).length;
      if (options.json) console.log(JSON.stringify({ ok: wrong === 0, findings }));
      else console.log(wrong === 0 ? 'A gateway can start with it.' : `${wrong} of ${findings.length} are not right.`);
      if (wrong > 0) process.exitCode = 1;
    });
}
