import { existsSync, mkdtempSync, readFileSync, rmdirSync, statfsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createRpc } from '../adapters/chain/rpc.ts';
import { keySource } from '../adapters/identity/key-source.ts';
import { readPolicyFolder } from '../adapters/policies/folder.ts';
import { mayMakeTables } from '../adapters/store/postgres-reach.ts';
import type { Finding } from '../cli/doctor.ts';
import type { Config } from '../config/schema.ts';
import { faultLine } from '../domain/policy/fault.ts';
import { compileSnapshot } from '../domain/policy/snapshot.ts';
import { loadModel } from '../domain/risk/model.ts';
import { ownRead } from '../domain/upstream.ts';
import { keyBytes, secret } from './secrets.ts';
import { openUpstream } from './upstream.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Told = readonly [ok: boolean, detail: string];

const GIGABYTE = 2 ** 30;

/** Each in turn, none stopping the next. */
export async function* examine(config: Config, environment: Environment): AsyncGenerator<Finding> {
  const checks: readonly (readonly [name: string, look: () => Told | Promise<Told>])[] = [
    ['secrets', () => secrets(config, environment)],
    ['data folder', () => folder(config.data)],
    ['policies', () => policies(config)],
    ['risk model', () => model(config.riskModel)],
    ['FHIR server', () => upstream(config, environment)],
    ...config.issuers.map((issuer, at) => [`issuer ${at + 1}`, () => issuerKeys(issuer)] as const),
    ...config.chain.rpcUrls.map((url, at) => [`chain endpoint ${at + 1}`, () => endpoint(url, config)] as const),
    ...(config.ledger.store === 'postgres' ? [['PostgreSQL', () => database(config, environment)] as const] : []),
  ];
  for (const [name, look] of checks) {
    const [ok, detail] = await Promise.resolve()
      .then(look)
      .catch((error: unknown): Told => [false, error instanceof Error ? error.message : 'It could not be tried.']);
    yield { name, ok, detail };
  }
}

function secrets(config: Config, environment: Environment): Told {
  keyBytes(secret(config.vaultKey, environment), 'vaultKey');
  if (config.maskingKey !== undefined) keyBytes(secret(config.maskingKey, environment), 'maskingKey');
  config.formerMaskingKeys.forEach((key, at) => {
    keyBytes(secret(key, environment), `formerMaskingKeys[${at}]`);
  });
  const { postgres } = config.ledger;
  const others = [config.upstream.bearer, config.chain.relayerKey, postgres?.url, postgres?.signingKey];
  for (const reference of others) if (reference !== undefined) secret(reference, environment);
  if (postgres !== undefined) keyBytes(secret(postgres.payloadKey, environment), 'ledger.postgres.payloadKey');
  return [true, 'All that the configuration names can be read.'];
}

function folder(data: string): Told {
  let place = resolve(data);
  while (!existsSync(place)) place = dirname(place);
  try {
    rmdirSync(mkdtempSync(join(place, '.consentry-doctor-')));
  } catch {
    return [false, 'Nothing can be written there. Give the folder to the user that runs the gateway.'];
  }
  const { bavail, bsize } = statfsSync(place);
  const free = (bavail * bsize) / GIGABYTE;
  return free < 1
    ? [false, 'Less than 1 GiB is free. The ledger only grows; without room every call is refused.']
    : [true, `It can be written, and ${Math.floor(free)} GiB are free.`];
}

function policies(config: Config): Told {
  const load = compileSnapshot(readPolicyFolder(config.policies), config.upstream.url);
  return load.ok
    ? [true, 'They load, and their tests are green.']
    : [false, `They do not load: ${load.faults.map(faultLine).join('; ')}`];
}

function model(file: string): Told {
  const loaded = loadModel(JSON.parse(readFileSync(file, 'utf8')));
  return 'fault' in loaded ? [false, loaded.text] : [true, `${loaded.id} loads.`];
}

async function upstream(config: Config, environment: Environment): Promise<Told> {
  const opened = new AsyncDisposableStack();
  const { reader } = openUpstream({ config, environment, opened });
  const answer = await reader
    .read(ownRead('/metadata'), AbortSignal.timeout(config.upstream.timeoutMs))
    .finally(() => opened.disposeAsync());
  if (answer.kind === 'fault')
    return [false, `It does not answer (${answer.code}). Check upstream.url, its certificate and the network.`];
  if (answer.status !== 200)
    return [false, `It answers ${answer.status} to /metadata. Check the path of upstream.url and upstream.bearer.`];
  const statement: unknown = JSON.parse(Buffer.from(answer.body).toString('utf8'));
  const version = isRecord(statement) ? statement.fhirVersion : undefined;
  return typeof version === 'string' && version.startsWith('4.0')
    ? [true, `It answers, with FHIR ${version}.`]
    : [false, 'It answers, but not with a CapabilityStatement of FHIR R4 (4.0.x).'];
}

async function issuerKeys(issuer: Config['issuers'][number]): Promise<Told> {
  const { jwksUri, jwksFile } = issuer;
  await keySource(jwksUri === undefined ? { file: jwksFile ?? '' } : { jwksUri }).warm();
  return [true, 'Its keys can be had.'];
}

async function endpoint(url: string, { chain }: Config): Promise<Told> {
  const rpc = createRpc(url, { timeoutMs: 5_000 });
  try {
    const contracts = [chain.consentRegistry, ...(chain.ledgerAnchor === undefined ? [] : [chain.ledgerAnchor])];
    const [id, ...codes] = await rpc.batch([
      { method: 'eth_chainId', params: [] },
      ...contracts.map((address) => ({ method: 'eth_getCode', params: [address, 'latest'] })),
    ]);
    if (Number(id) !== chain.chainId)
      return [false, `It is of the chain ${Number(id)}, and the configuration says ${chain.chainId}.`];
    const missing = codes.indexOf('0x');
    if (missing >= 0)
      return [
        false,
        `There is no contract at ${missing === 0 ? 'chain.consentRegistry' : 'chain.ledgerAnchor'}. "consentry chain deploy" makes one.`,
      ];
    return [true, 'It answers for the chain, and the contracts are there.'];
  } catch {
    return [false, 'It does not answer. Check the address and the network.'];
  } finally {
    await rpc.close();
  }
}

async function database({ ledger }: Config, environment: Environment): Promise<Told> {
  const { postgres } = ledger;
  if (postgres === undefined) return [false, 'ledger.postgres is missing.'];
  try {
    return (await mayMakeTables(secret(postgres.url, environment)))
      ? [true, 'It answers, and tables can be made.']
      : [false, 'It answers, but its user may not make tables.'];
  } catch {
    return [false, 'It cannot be reached. Check ledger.postgres.url.'];
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
