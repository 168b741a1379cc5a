import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Relayer } from '../adapters/chain/relayer.ts';
import type { RegistryReplica } from '../adapters/chain/replica.ts';
import type { IssuerDirectory } from '../adapters/identity/issuer-directory.ts';
import type { TelemetryAdapter } from '../adapters/telemetry/telemetry.ts';
import type { Loaded } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { shownSettings } from '../config/shown.ts';
import type { Overview } from '../domain/console/overview.ts';
import type { KeyState, SystemState } from '../domain/console/system.ts';
import { ownRead } from '../domain/upstream.ts';
import type { PartHealth } from '../http/health.ts';
import type { Clock, Policies, UpstreamReader } from '../ports.ts';
import type { Anchoring } from './anchoring.ts';

/** Where the overview and the system page get what they tell. */
export interface SystemSources {
  readonly config: Config;
  readonly origins: Loaded['origins'];
  readonly clock: Clock;
  readonly telemetry: TelemetryAdapter;
  readonly health: () => readonly PartHealth[];
  readonly replica: RegistryReplica;
  readonly relayer: Relayer | undefined;
  readonly ledger: {
    readonly origin: string;
    readonly verifierKey: string;
    size(): number;
    logs(): readonly { integrated(): { readonly size: number } }[];
  };
  readonly anchoring: Anchoring | undefined;
  readonly reader: UpstreamReader;
  readonly directory: IssuerDirectory;
  readonly policies: Policies;
}

const published = ({ logs }: SystemSources['ledger']): number =>
  logs().reduce((sum, log) => sum + log.integrated().size, 0);

export function chainFigures({ replica, clock, config }: SystemSources): Overview['chain'] {
  const age = replica.headAge(clock.now());
  const { head, grants } = replica.metrics();
  return {
    headAgeSeconds: Number.isFinite(age) ? Math.max(0, age) : null,
    maxHeadAgeSeconds: config.chain.maxHeadAgeSeconds,
    ...(head === undefined ? {} : { head }),
    grants,
  };
}

export function ledgerFigures({ ledger, anchoring }: SystemSources) {
  const anchored = anchoring?.last();
  return {
    size: ledger.size(),
    published: published(ledger),
    ...(anchored === undefined ? {} : { anchored }),
    anchoring: anchoring !== undefined,
    refusedByChain: anchoring?.refused() === true,
  };
}

export async function systemState(sources: SystemSources, startedAt: number): Promise<SystemState> {
  const { config, replica, relayer, ledger, anchoring } = sources;
  const { head, lag, grants, reorgs, problem, endpoints } = replica.metrics();
  const anchored = anchoring?.last();
  const known = sources.directory.current();
  const snapshot = sources.policies.current();
  return {
    at: sources.clock.now(),
    version,
    startedAt,
    profile: config.profile,
    parts: sources.health(),
    upstream: await upstreamState(sources),
    issuers: config.issuers.map(({ issuer }) => ({
      issuer,
      known: known.find((each) => each.issuer === issuer)?.tokenEndpoint !== undefined,
    })),
    chain: {
      chainId: config.chain.chainId,
      registry: config.chain.consentRegistry,
      finality: config.chain.finality,
      ...(head === undefined ? {} : { head }),
      ...(lag === undefined ? {} : { lag }),
      grants,
      reorgs,
      ...(problem === undefined ? {} : { problem: String(problem) }),
      endpoints: endpoints.map(({ healthy, height, failures, lies }, index) => ({
        host: new URL(config.chain.rpcUrls[index] ?? 'http://unknown').host,
        healthy,
        ...(height === undefined ? {} : { height }),
        failures,
        lies,
      })),
      ...(relayer === undefined ? {} : { relayer: { address: relayer.address, ...relayer.metrics() } }),
    },
    ledger: {
      origin: ledger.origin,
      verifierKey: ledger.verifierKey,
      size: ledger.size(),
      published: published(ledger),
      ...(anchored === undefined ? {} : { anchored }),
      witnesses: config.ledger.witnesses.map(({ url }) => new URL(url).host),
    },
    keys: keyStates(config),
    policies: {
      hash: snapshot?.hash ?? '',
      detail: sources.health().find(({ name }) => name === 'policies')?.detail ?? '',
    },
    configuration: shownSettings(config, sources.origins),
  };
}

/** Asked with the gateway's own credential, as any read is. */
async function upstreamState({ reader, config }: SystemSources): Promise<SystemState['upstream']> {
  const { origin, pathname } = new URL(config.upstream.url);
  const begun = performance.now();
  const response = await reader.read(ownRead('/metadata'), AbortSignal.timeout(5000));
  const common = { url: `${origin}${pathname}`, milliseconds: Math.round(performance.now() - begun) };
  if (response.kind === 'fault') return { ...common, answered: false, fault: response.code };
  if (response.status !== 200) return { ...common, answered: false, fault: 'upstream-refused' };
  const statement = parsed(response.body);
  return {
    ...common,
    answered: true,
    ...(typeof statement?.software?.name === 'string' ? { software: statement.software.name } : {}),
    ...(typeof statement?.fhirVersion === 'string' ? { fhirVersion: statement.fhirVersion } : {}),
  };
}

function parsed(
  body: Uint8Array,
): { readonly software?: { readonly name?: unknown }; readonly fhirVersion?: unknown } | undefined {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8')) ?? undefined;
  } catch {
    return undefined;
  }
}

function keyStates(config: Config): readonly KeyState[] {
  const { data } = config;
  return [
    named('vault', config.vaultKey),
    config.maskingKey === undefined
      ? keptIn('masking', join(data, 'masking.key'))
      : named('masking', config.maskingKey),
    ...(config.chain.relayerKey === undefined ? [] : [named('relayer', config.chain.relayerKey)]),
    config.ledger.store === 'postgres' && config.ledger.postgres !== undefined
      ? named('ledger-signing', config.ledger.postgres.signingKey)
      : keptIn('ledger-signing', join(data, 'ledger', 'keys', 'signing.pem')),
  ];
}

const named = (use: KeyState['use'], reference: string): KeyState =>
  reference.startsWith('file:')
    ? { use, kept: 'file', ...since(reference.slice('file:'.length)) }
    : { use, kept: 'environment' };

const keptIn = (use: KeyState['use'], file: string): KeyState => ({ use, kept: 'data-folder', ...since(file) });

function since(file: string): { readonly since?: number } {
  try {
    return { since: Math.round(statSync(file).mtimeMs) };
  } catch {
    return {};
  }
}

const version = String(
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version?: unknown })
    .version,
);
