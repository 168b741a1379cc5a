import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type Anvil, startAnvil } from '../adapters/chain/anvil.ts';
import { type Deployment, deployContracts, hasCode } from '../adapters/chain/deploy.ts';
import { type SandboxIssuer, startSandboxIssuer } from '../adapters/identity/sandbox-issuer.ts';
import { hospitalFolder, type Persona, readPersonas } from '../adapters/upstream/demo-fixtures.ts';
import { type LoadProgress, loadFolder } from '../adapters/upstream/load-folder.ts';
import { type SandboxFhir, startSandboxFhir } from '../adapters/upstream/sandbox-fhir.ts';
import { patientsOf } from '../adapters/upstream/sandbox-fhir-patients.ts';
import { type Loaded, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { shippedPolicies } from './commands.ts';
import { type DemoStep, signDemoConsents } from './demo-consents.ts';
import { type RunningGateway, startGateway } from './start-gateway.ts';

export interface DemoOptions {
  /** Where state lives. */
  readonly state: string;
  readonly fresh: boolean;
  /** A folder of FHIR transaction Bundles or NDJSON to load beside the fixtures; its patients sign consents too. */
  readonly load?: string;
  /** Ports of gateway, FHIR server, issuer and chain; 0 takes any free one. */
  readonly ports: { readonly gateway: number; readonly fhir: number; readonly issuer: number; readonly chain: number };
  readonly log?: 'silent' | 'info' | 'warn';
  /** Another FHIR server behind the gateway than the demo's own. */
  readonly upstream?: string;
  /** Seconds between blocks. */
  readonly blockTime?: number;
  readonly step: (step: DemoStep) => void;
  readonly progress: (progress: LoadProgress) => void;
}

export interface RunningDemo {
  readonly gateway: RunningGateway;
  readonly fhir: SandboxFhir;
  readonly issuer: SandboxIssuer;
  readonly chain: Anvil;
  readonly deployment: Deployment;
  readonly tokens: readonly { readonly persona: Persona; readonly token: string }[];
  readonly config: Config;
  /** The secrets that the configuration names. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const ORIGIN = 'consentry.local/sandbox';

/** The whole product on loopback: a real chain with the contracts, a FHIR server with patients, an issuer, the gateway. */
export async function startDemo(options: DemoOptions): Promise<RunningDemo> {
  const { state, step } = options;
  if (options.fresh) rmSync(state, { recursive: true, force: true });
  mkdirSync(state, { recursive: true });
  const ports = { ...options.ports, gateway: await free('gateway', options.ports.gateway) };
  for (const name of ['fhir', 'issuer', 'chain'] as const) await free(name, ports[name]);
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    step('chain');
    const chain = await startAnvil({
      port: ports.chain,
      stateFile: join(state, 'chain.json'),
      ...(options.blockTime === undefined ? {} : { blockTime: options.blockTime }),
    });
    closers.push(() => chain.stop());
    const [deployer] = chain.accounts;
    if (deployer === undefined) throw new Error('The development chain has no account.');
    const deployment = await deployed(state, chain, deployer);

    step('fhir');
    const fhir = await startSandboxFhir({ port: ports.fhir, dir: join(state, 'fhir') });
    closers.push(() => fhir.close());
    if (fhir.count() === 0) await loadFolder({ folder: hospitalFolder, target: fhir, onProgress: options.progress });
    if (options.load !== undefined)
      await loadFolder({ folder: options.load, target: fhir, onProgress: options.progress });

    step('issuer');
    const audience = `http://127.0.0.1:${ports.gateway}/fhir`;
    const personas = readPersonas();
    const issuer = await startSandboxIssuer({
      port: ports.issuer,
      keyFile: join(state, 'issuer-keys.json'),
      gatewayAudience: audience,
      personas,
      patients: async () => patientsOf(fhir),
    });
    closers.push(() => issuer.close());

    step('gateway');
    const { config, origins } = demoConfig(
      state,
      ports.gateway,
      options.upstream ?? fhir.url,
      issuer,
      chain,
      deployment,
      audience,
    );
    const environment = { DEMO_VAULT_KEY: keptKey(join(state, 'vault.key')), DEMO_RELAYER_KEY: deployer.key };
    const gateway = await startGateway({ config, origins, environment, log: options.log ?? 'warn' });
    closers.push(() => gateway.close());

    step('consents');
    await signDemoConsents(
      gateway,
      join(state, 'consents.signed'),
      patientsOf(fhir).map(({ id }) => id),
    );

    const tokens = await Promise.all(
      personas.map(async (persona) => ({ persona, token: await issuer.mint(persona, 8 * 3600) })),
    );
    return { gateway, fhir, issuer, chain, deployment, tokens, config, environment, close };
  } catch (error) {
    await close();
    throw damaged(error)
      ? new Error(`The state in ${state} is damaged: ${error.message} Start with --fresh to begin anew.`)
      : error;
  }
}

class DamagedState extends Error {
  override readonly name = 'DamagedState';
  constructor() {
    super('the chain does not hold the contracts any more.');
  }
}

/** What a torn or foreign file in the data folder leads to; by name, since a test runner has classes of its own. */
const damaged = (error: unknown): error is Error =>
  error instanceof Error &&
  ['DamagedState', 'SyntaxError', 'VaultUnreadable', 'LedgerDamaged', 'UnusableKeyFile'].includes(
    error.name === 'Error' ? error.constructor.name : error.name,
  );

async function deployed(
  state: string,
  chain: Anvil,
  deployer: { readonly address: string; readonly key: string },
): Promise<Deployment> {
  const file = join(state, 'deployment.json');
  if (existsSync(file)) {
    const known = JSON.parse(readFileSync(file, 'utf8')) as Deployment;
    if (await hasCode(chain.rpcUrl, known.consentRegistry)) return known;
    throw new DamagedState();
  }
  const deployment = await deployContracts(chain.rpcUrl, deployer.key, {
    logs: [{ origin: ORIGIN, writer: deployer.address }],
  });
  writeFileSync(file, `${JSON.stringify(deployment, null, 2)}\n`);
  return deployment;
}

function demoConfig(
  state: string,
  port: number,
  upstream: string,
  issuer: SandboxIssuer,
  chain: Anvil,
  deployment: Deployment,
  audience: string,
): Loaded {
  const result = loadConfig({
    environment: {},
    flags: [],
    file: {
      name: 'demo',
      text: JSON.stringify({
        profile: 'sandbox',
        listen: { host: '127.0.0.1', port },
        organisation: 'Organization/organization-riverside',
        upstream: { url: upstream },
        issuers: [{ issuer: issuer.issuer, audience, algorithms: ['ES256', 'RS256'], jwksUri: issuer.jwksUri }],
        chain: {
          rpcUrls: [chain.rpcUrl],
          chainId: chain.chainId,
          consentRegistry: deployment.consentRegistry,
          attestations: deployment.attestations,
          ledgerAnchor: deployment.ledgerAnchor,
          passkeyVerifier: deployment.passkeyVerifier,
          fromBlock: deployment.block,
          relayerKey: 'env:DEMO_RELAYER_KEY',
          finality: 'latest',
          maxHeadAgeSeconds: 15,
          pollMs: 250,
        },
        data: state,
        policies: keptPolicies(state),
        vaultKey: 'env:DEMO_VAULT_KEY',
        ledger: { origin: ORIGIN, anchorSeconds: 10 },
        console: {},
        // The client of the suspicious persona is nobody's.
        clients: [
          ...new Set(
            readPersonas()
              .filter(({ name }) => name !== 'suspicious')
              .map(({ client }) => client),
          ),
          'consentry-console',
          'consentry-my',
        ],
      }),
    },
  });
  if (!result.ok) throw new Error(result.faults.join('\n'));
  return result.loaded;
}

/** The demo's policies are its own: what an officer changes there stays out of the product's folder. */
function keptPolicies(state: string): string {
  const folder = join(state, 'policies');
  if (!existsSync(folder)) cpSync(shippedPolicies, folder, { recursive: true });
  return folder;
}

function keptKey(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

/** Says which port is taken before anything starts; for 0, which one is free: tokens name the gateway's address as audience. */
function free(name: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () =>
      reject(
        new Error(
          `Port ${port} (${name}) is in use. End what uses it, or choose another with --${name === 'gateway' ? 'port' : `${name}-port`}.`,
        ),
      ),
    );
    probe.listen(port, '127.0.0.1', () => {
      const taken = (probe.address() as AddressInfo).port;
      probe.close(() => resolve(taken));
    });
  });
}
