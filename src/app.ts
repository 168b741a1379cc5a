import { Command, CommanderError } from 'commander';
import { operatorAccess } from './app/operator.ts';
import { secret } from './app/secrets.ts';
import { chainCommand } from './cli/chain.ts';
import { configCommand, UsageError } from './cli/config.ts';
import { demoCommand } from './cli/demo.ts';
import { explainCommand } from './cli/explain.ts';
import { serveCommand } from './cli/serve.ts';
import { tokenCommand } from './cli/token.ts';

/** Exit codes: 0 done, 1 a negative answer (verification failed, denied), 2 wrong usage or input. */
export async function run(args: readonly string[]): Promise<number> {
  const program = await assemble();
  try {
    await program.parseAsync(args as string[], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Error) {
      console.error(error.message);
      return error instanceof UsageError ? 2 : 1;
    }
    throw error;
  }
}

/** Commands load what they need when they run: `consentry --help` does not start an EVM. */
export async function assemble(): Promise<Command> {
  const program = new Command('consentry')
    .description(
      'A FHIR gateway that checks on-chain consent, masks by role, scores risk and keeps a tamper-evident ledger',
    )
    .exitOverride()
    .showSuggestionAfterError();

  program.addCommand(
    serveCommand({
      start: async ({ config, origins }, log) =>
        (await import('./app/start-gateway.ts')).startGateway({ config, origins, environment: process.env, log }),
    }),
  );
  program.addCommand(
    demoCommand({
      start: async (options) => {
        const { startDemo } = await import('./app/demo.ts');
        const demo = await startDemo(options);
        return {
          told: {
            fhirBase: demo.gateway.fhirBase,
            url: demo.gateway.url,
            upstream: demo.fhir.url,
            issuer: demo.issuer.issuer,
            rpcUrl: demo.chain.rpcUrl,
            contract: demo.deployment.consentRegistry,
            anchor: demo.deployment.ledgerAnchor,
            personas: demo.tokens.map(({ persona, token }) => ({ name: persona.name, title: persona.title, token })),
          },
          close: () => demo.close(),
        };
      },
    }),
  );
  const { readPersonas } = await import('./adapters/upstream/demo-fixtures.ts');
  program.addCommand(
    tokenCommand({
      personas: readPersonas,
      mint: async (file, claims, seconds) =>
        (await (await import('./adapters/identity/signing-keys.ts')).readSigningKeys(file)).mint(claims, seconds),
      now: () => new Date(),
      print: (text) => console.log(text),
      printError: (text) => console.error(text),
      setExitCode: (code) => {
        process.exitCode = code;
      },
      defaultData: '.consentry',
    }),
  );
  program.addCommand(explainCommand({ access: operatorAccess }));
  program.addCommand(configCommand());
  program.addCommand(
    chainCommand({
      deploy: async (rpcUrl, key, origin) => {
        const [{ deployContracts }, { addressOfKey }] = await Promise.all([
          import('./adapters/chain/deploy.ts'),
          import('./adapters/chain/sign.ts'),
        ]);
        const paying = secret(key, process.env);
        return { ...(await deployContracts(rpcUrl, paying, { logs: [{ origin, writer: addressOfKey(paying) }] })) };
      },
    }),
  );
  const commands = await import('./app/commands.ts');
  const { consent, decide, doctor, policy, ledger, risk } = commands;
  for (const make of [consent, decide, doctor, policy, ledger, risk]) program.addCommand(await make());
  overrideExit(program);
  return program;
}

/** A command that was made before its parent was told does not take it over: a mistake in how it is called would end with 1. */
function overrideExit(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) overrideExit(each);
}
