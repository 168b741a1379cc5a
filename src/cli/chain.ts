import { Command } from 'commander';
import { UsageError } from './config.ts';

export interface ChainTools {
  deploy(rpcUrl: string, key: string, origin: string): Promise<Readonly<Record<string, unknown>>>;
}

/** `consentry chain deploy`: puts the contracts on any EVM network. */
export function chainCommand(tools: ChainTools): Command {
  const command = new Command('chain').description('the EVM network that holds consent');
  command
    .command('deploy')
    .description('deploy the contracts and print their addresses')
    .requiredOption('--rpc <url>', 'RPC endpoint')
    .requiredOption('--key <reference>', 'key of the paying account: env:NAME or file:PATH')
    .option('--origin <origin>', 'origin line of the ledger that this account may anchor', 'consentry.local/ledger')
    .option('--json', 'print one JSON object')
    .action(async (options: { rpc: string; key: string; origin: string; json?: boolean }) => {
      const deployment = await tools.deploy(options.rpc, options.key, options.origin).catch((error: unknown) => {
        throw new UsageError(
          `The contracts could not be deployed: ${error instanceof Error ? error.message : 'unknown'}`,
        );
      });
      if (options.json === true) console.log(JSON.stringify(deployment));
      else for (const [name, value] of Object.entries(deployment)) console.log(`${name}: ${String(value)}`);
    });
  return command;
}
