import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { closeOnSignal } from './serve.ts';

export interface DemoTold {
  readonly fhirBase: string;
  readonly url: string;
  readonly upstream: string;
  readonly issuer: string;
  readonly rpcUrl: string;
  readonly contract: string;
  readonly anchor: string;
  readonly personas: readonly { readonly name: string; readonly title: string; readonly token: string }[];
}

export interface DemoTools {
  start(options: {
    readonly state: string;
    readonly fresh: boolean;
    readonly load?: string;
    readonly ports: {
      readonly gateway: number;
      readonly fhir: number;
      readonly issuer: number;
      readonly chain: number;
    };
    readonly log: 'silent' | 'info' | 'warn';
    readonly step: (step: string) => void;
    readonly progress: (progress: {
      readonly files: number;
      readonly totalFiles: number;
      readonly resources: number;
    }) => void;
  }): Promise<{ readonly told: DemoTold; close(): Promise<void> }>;
}

const steps: Readonly<Record<string, string>> = {
  chain: 'Starting the EVM chain and its contracts',
  fhir: 'Starting the FHIR server and loading patients',
  issuer: 'Starting the token issuer',
  gateway: 'Starting the gateway',
  consents: 'Patients sign their consents',
};

const port = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return value;
};

/** `consentry demo`: what `npm start` runs. */
export function demoCommand(tools: DemoTools): Command {
  return new Command('demo')
    .description('run the whole product on this machine: chain, FHIR server with synthetic patients, issuer, gateway')
    .option(
      '--data <folder>',
      'load this folder of FHIR transaction Bundles or NDJSON (plain or .gz) beside the synthetic hospital',
    )
    .option('--state <folder>', 'where the demo keeps its state', '.consentry')
    .option('--fresh', 'drop the state first')
    .option('--port <port>', 'port of the gateway', port, 8080)
    .option('--fhir-port <port>', 'port of the FHIR server', port, 8081)
    .option('--issuer-port <port>', 'port of the token issuer', port, 8082)
    .option('--chain-port <port>', 'port of the chain', port, 8545)
    .option('--log', 'log every request')
    .option('--json', 'print one JSON object with URLs and tokens when it runs')
    .action(
      async (options: {
        data?: string;
        state: string;
        fresh?: boolean;
        port: number;
        fhirPort: number;
        issuerPort: number;
        chainPort: number;
        log?: boolean;
        json?: boolean;
      }) => {
        const bar = new SingleBar({
          format: '  {bar} {percentage}% | {value}/{total} files | {resources} resources',
          stream: process.stderr,
          hideCursor: true,
          noTTYOutput: false,
        });
        let loading = false;
        const stopBar = (): void => {
          if (loading) bar.stop();
          loading = false;
        };
        const demo = await tools.start({
          state: options.state,
          fresh: options.fresh === true,
          ...(options.data === undefined ? {} : { load: options.data }),
          ports: {
            gateway: options.port,
            fhir: options.fhirPort,
            issuer: options.issuerPort,
            chain: options.chainPort,
          },
          log: options.log === true ? 'info' : 'warn',
          step(step) {
            stopBar();
            if (options.json !== true) console.error(`${steps[step] ?? step} ...`);
          },
          progress({ files, totalFiles, resources }) {
            if (!process.stderr.isTTY) return;
            if (!loading) bar.start(totalFiles, 0, { resources: 0 });
            loading = true;
            bar.update(files, { resources });
          },
        });
        stopBar();
        console.log(options.json === true ? JSON.stringify(demo.told) : welcome(demo.told, options.state));
        await closeOnSignal(() => demo.close());
      },
    );
}

function welcome(told: DemoTold, state: string): string {
  const data = state === '.consentry' ? '' : ` --data ${state}`;
  const token = (name: string): string => `$(npx consentry token --persona ${name}${data})`;
  const call = (name: string, path: string): string =>
    `curl -si -H "Authorization: Bearer ${token(name)}" "${told.fhirBase}${path}"`;
  const explained = `npx consentry explain REQUEST_ID${data}`;
  return [
    '',
    'Consentry is running. Stop it with Ctrl-C; state stays in the folder, --fresh drops it.',
    '',
    `  FHIR API        ${told.fhirBase}`,
    `  Statement       ${told.fhirBase}/metadata`,
    `  API             ${told.url}/api/docs`,
    `  Console         ${told.url}/console/   (log in as privacy-officer)`,
    `  Patient pages   ${told.url}/my/   (log in as patient)`,
    `  Ledger tiles    ${told.url}/ledger/checkpoint`,
    `  Health          ${told.url}/readyz   metrics ${told.url}/metrics`,
    `  FHIR server     ${told.upstream}   (behind the gateway; open here because this is a demo)`,
    `  Token issuer    ${told.issuer}`,
    `  EVM chain       ${told.rpcUrl}   ConsentRegistry ${told.contract}`,
    '',
    'One token for each persona, good for eight hours:',
    '',
    ...told.personas.map(
      (persona) => `  ${persona.name.padEnd(16)} ${persona.title}\n  ${''.padEnd(16)} ${persona.token}`,
    ),
    '',
    'Calls to paste. Each answer carries X-Request-Id; explain it with:',
    `  ${explained}`,
    '',
    'Allowed: the doctor reads a patient who consented.',
    `  ${call('clinician', '/Patient/patient-ada')}`,
    'Masked: the front desk sees no SSN and no notes; the researcher no name at all.',
    `  ${call('front-desk', '/Patient/patient-ada')}`,
    `  ${call('researcher', '/Patient/patient-ada')}`,
    'Denied: this patient granted the doctor nothing. The answer is the same for a patient who does not exist.',
    `  ${call('clinician', '/Patient/patient-noor')}`,
    `  ${call('clinician', '/Patient/nobody')}`,
    'Revoked: this patient had granted access and took it back.',
    `  ${call('clinician', '/Patient/patient-ben')}`,
    'Blocked by risk: an unknown client reads one patient after another; some calls in, it is stopped. Each line tells why:',
    '  consent-not-granted is the patient, risk-blocked the gateway.',
    `  T=${token('suspicious')}; for p in $(curl -s "${told.upstream}/Patient?_count=100&_elements=id" | grep -o 'patient-[a-z]*' | sort -u); do printf '%s ' $p; curl -s -w '\\nHTTP %{http_code}\\n' -H "Authorization: Bearer $T" "${told.fhirBase}/Observation?patient=$p" | grep -oE '"code":"(consent|risk)-[a-z-]+"|^HTTP [0-9]+' | tr '\\n' ' '; echo; done`,
    '',
    'Check the whole ledger against the chain:',
    `  npx consentry ledger verify --data ${state}/ledger --rpc ${told.rpcUrl} --contract ${told.anchor}`,
    '',
  ].join('\n');
}
