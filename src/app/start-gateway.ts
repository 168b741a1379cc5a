import { hkdfSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Relayer } from '../adapters/chain/relayer.ts';
import type { RegistryReplica } from '../adapters/chain/replica.ts';
import { withAudit } from '../adapters/store/audit-forward.ts';
import type { FileSystem } from '../adapters/store/file-system.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import type { RecordNotary } from '../adapters/store/record-notary.ts';
import type { Vault } from '../adapters/store/vault.ts';
import { type TelemetryAdapter, telemetry } from '../adapters/telemetry/telemetry.ts';
import { mountProxy } from '../adapters/upstream/http-proxy.ts';
import type { Loaded } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { anchorLinks } from '../domain/fhir/links.ts';
import { knownOperations, operationTable } from '../domain/fhir/operations.ts';
import { defaultLimits } from '../domain/json/fault.ts';
import type { Tape } from '../domain/json/tape.ts';
import type { MaskingContext } from '../domain/masking/plan.ts';
import { maskResource } from '../domain/masking/walk.ts';
import { isOfficer } from '../domain/policy/role-policy.ts';
import { createGateway, type Gateway } from '../gateway.ts';
import { askerOf } from '../http/asker.ts';
import type { ConsentDesk } from '../http/consent-desk-parts.ts';
import { decisionRoutes } from '../http/decisions.ts';
import { collectRoutes, type Route } from '../http/documented.ts';
import { erasureRoutes } from '../http/erasure.ts';
import { handleErrors } from '../http/errors.ts';
import { explainRoutes } from '../http/explain.ts';
import { ledgerRoutes } from '../http/ledger.ts';
import { openApiRoutes } from '../http/openapi.ts';
import type { Clock, Forward, Random, RiskEngine } from '../ports.ts';
import { admit } from '../stages/admit.ts';
import { assess } from '../stages/assess.ts';
import { authenticate } from '../stages/authenticate.ts';
import { authorise } from '../stages/authorise.ts';
import { classify } from '../stages/classify.ts';
import { consent } from '../stages/consent.ts';
import { locate } from '../stages/locate.ts';
import { ownerLookup } from '../stages/owners.ts';
import { plan } from '../stages/plan.ts';
import { recorder } from '../stages/record.ts';
import { containerRelease } from '../stages/release/container.ts';
import { bundleLinks } from '../stages/release/links.ts';
import { pageBook } from '../stages/release/pages.ts';
import { project } from '../stages/release/project.ts';
import { type ResourceReleaseParts, resourceRelease } from '../stages/release/resource.ts';
import { resourceRight } from '../stages/release/right.ts';
import { release } from '../stages/release.ts';
import { resolve } from '../stages/resolve.ts';
import { guardVolume, volumeGuard } from '../stages/volume.ts';
import { openAdmission } from './admission.ts';
import { anchorLedger } from './anchoring.ts';
import { mountAudit } from './audit.ts';
import { openBulk } from './bulk.ts';
import { capabilityDocuments } from './capabilities.ts';
import { openChain } from './chain.ts';
import { watchCircumstances } from './circumstances.ts';
import { openCohorts } from './cohorts.ts';
import { openConsentApi } from './consent-api.ts';
import { mountConsole } from './console.ts';
import { openCredentials } from './credentials.ts';
import { erasers, openErasure } from './erasure.ts';
import { gatherFacts } from './facts.ts';
import { openForwarding } from './forwarding.ts';
import { mountHealth } from './health.ts';
import { openIdentity } from './identity.ts';
import { openLedgerStore } from './ledger-store.ts';
import { type GatewayLines, openLines } from './lines.ts';
import { openMaskingKeys } from './masking-keys.ts';
import { keepOperatorAccess, newOperatorToken } from './operator.ts';
import { type OpenPolicies, openPolicies } from './policies.ts';
import { openPolicyApi } from './policy-api.ts';
import { openRecords, releaseIntegrity } from './records.ts';
import { mountRetention } from './retention.ts';
import { type OpenRisk, openRisk } from './risk.ts';
import { mountRisk } from './risk-api.ts';
import { keyBytes, secret } from './secrets.ts';
import { systemClock, systemRandom } from './system-ports.ts';
import { type Threats, watchThreats } from './threats.ts';
import { openTimestamping } from './timestamping.ts';
import { openUpstream } from './upstream.ts';
import { openKeyVault } from './vault.ts';
import { openWitnessing } from './witnessing.ts';

export interface GatewayOptions {
  readonly config: Config;
  /** Where each setting came from, for the console. */
  readonly origins?: Loaded['origins'];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  readonly log?: 'silent' | 'info' | 'warn';
  /** Where log lines go; standard output when absent. */
  readonly logTo?: { write(line: string): void };
  /** Where the ledger writes; a disk, unless a test wants one that fails. */
  readonly ledgerFiles?: FileSystem;
  readonly risk?: RiskEngine;
}

/** Everything that runs, for the commands that look into it. */
export interface RunningGateway {
  readonly url: string;
  readonly fhirBase: string;
  readonly app: FastifyInstance;
  readonly routes: readonly Route[];
  readonly gateway: Gateway;
  readonly ledger: FilesLedger;
  readonly records: RecordNotary | undefined;
  readonly vault: Vault;
  readonly lines: GatewayLines;
  readonly replica: RegistryReplica;
  readonly consents: ConsentDesk;
  /** Absent without chain.relayerKey: then grants reach the chain by other ways only. */
  readonly relayer: Relayer | undefined;
  readonly policies: OpenPolicies;
  readonly risk: OpenRisk;
  readonly threats: Threats;
  readonly telemetry: TelemetryAdapter;
  readonly random: Random;
  close(): Promise<void>;
}

/** Picks the adapters, wires the stages, and listens. Rejects with a sentence when a part cannot start; nothing listens then. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  // What was opened is closed in reverse, whether the start fails half-way or the gateway is stopped.
  const opened = new AsyncDisposableStack();
  try {
    return await open(options, opened);
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

async function open(options: GatewayOptions, opened: AsyncDisposableStack): Promise<RunningGateway> {
  const { config, environment } = options;
  const clock = options.clock ?? systemClock;
  const random = systemRandom;
  const { data } = config;
  mkdirSync(data, { recursive: true });

  const watch = telemetry({
    level: options.log ?? 'info',
    ...(options.logTo === undefined ? {} : { destination: options.logTo }),
  });
  const policies = openPolicies(config.policies, config.upstream.url, watch);
  opened.defer(() => policies.close());
  const vaultKey = keyBytes(secret(config.vaultKey, environment), 'vaultKey');
  const { vault, holds } = await openKeyVault({ config, environment, key: vaultKey, random, telemetry: watch });
  opened.defer(() => vault.close());
  const lines = await openLines({ config, environment, key: vaultKey, random, telemetry: watch });
  opened.defer(() => lines.close());
  const ledger = await openLedgerStore({
    config,
    environment,
    vault,
    clock,
    random,
    telemetry: watch,
    ...(options.ledgerFiles === undefined ? {} : { files: options.ledgerFiles }),
  });
  opened.defer(() => ledger.close());
  const chain = await openChain({ config, environment, clock, telemetry: watch, opened });
  const { replica, relayer, peers } = chain;
  const risk = await openRisk({ config, environment, vaultKey, ledger, clock, random, telemetry: watch });
  opened.defer(() => risk.close());
  const { verifier, directory } = await openIdentity(config, watch);
  const { upstream, reader, limits, documents } = openUpstream({ config, environment, opened });

  const app = Fastify({
    logger: false,
    trustProxy: config.trustProxy.length > 0 ? config.trustProxy : false,
    bodyLimit: config.limits.bodyBytes,
    // The router sees the prefix alone: hostile paths are judged by classify, not by the router's own reading of them.
    rewriteUrl: (request) => (isFhir(request.url ?? '') ? `${prefix}/` : (request.url ?? '/')),
  });
  opened.defer(() => app.close());
  handleErrors(app, (name) => watch.failed('http', name));
  const routes = collectRoutes(app);

  const address = { url: config.publicUrl ?? '' };
  const entrance = await openAdmission(app, config, clock, () => new URL(address.url).origin);
  // With port 0 the base is known only after listening; nothing is judged before that.
  const bases = {
    upstreamBase: config.upstream.url.replace(/\/$/, ''),
    get gatewayBase() {
      return `${address.url}${prefix}`;
    },
  };
  const operations = operationTable(knownOperations, config.operations);
  const pages = pageBook(subKey(vaultKey, 'pages'), config.limits.pageSeconds, random);
  const maskingKeys = openMaskingKeys(config, environment, random);
  const [maskingKey] = maskingKeys;

  const circumstances =
    relayer === undefined
      ? undefined
      : watchCircumstances({ registry: replica, keys: vault, relayer, clock, telemetry: watch });
  const seen = (tape: Tape, node: number): void => {
    risk.seen(tape, node);
    circumstances?.seen(tape, node);
  };
  const facts = gatherFacts({
    reader,
    upstreamBase: bases.upstreamBase,
    clock,
    telemetry: watch,
    everySeconds: config.facts.everySeconds,
    maxPages: config.facts.maxPages,
    learn: seen,
  });
  opened.defer(() => facts.stop());
  await facts.first;
  circumstances?.begin();
  opened.defer(() => circumstances?.stop());

  const threats = watchThreats({
    config: config.threatFeeds,
    environment,
    feeds: risk.feeds,
    reader,
    clock,
    telemetry: watch,
  });
  opened.defer(() => threats.stop());

  const maskingContext = (now: number, patient: PatientId | undefined): MaskingContext => ({
    asOf: dayOf(now),
    key: () => maskingKey,
    ...(patient === undefined ? {} : { patient }),
  });

  const operatorToken = newOperatorToken(random);
  const asker = async (request: FastifyRequest) => {
    const isAnOfficer = (role: string): boolean => isOfficer(policies.current()?.roles, role);
    const found = await askerOf(request, { verifier, clock, operatorToken, isOfficer: isAnOfficer });
    if (found !== undefined && found !== 'operator') entrance.check(request, found);
    return found;
  };
  const consentApi = await openConsentApi({
    config,
    vault,
    replica,
    relayer,
    peers,
    lines,
    key: subKey(vaultKey, 'emergencies'),
    ledger,
    policies,
    clock,
    random,
    bases,
    telemetry: watch,
    asker,
  });
  opened.defer(() => consentApi.close());
  const folder = config.policies;
  const policyApi = await openPolicyApi({ folder, data, policies, ledger, clock, random, telemetry: watch, asker });
  opened.defer(() => policyApi.close());

  const records = openRecords({ config, vault, ledger, key: subKey(vaultKey, 'records'), clock, telemetry: watch });
  if (records !== undefined) opened.defer(() => records.close());
  const eraser = await openErasure({
    data,
    key: subKey(vaultKey, 'erasure'),
    vault,
    holds,
    ledger,
    records,
    risk,
    telemetry: watch,
    clock,
    random,
  });
  opened.defer(() => eraser.close());
  const source = {
    name: 'Consentry',
    get address() {
      return address.url;
    },
    hiddenBy: (rule: string) => policies.current()?.masking.titlesOf(rule) ?? [],
  };
  const audited = (forward: Forward): Forward => withAudit(forward, ledger, source);
  const credentials =
    relayer === undefined || config.credentials.issuers.length === 0
      ? undefined
      : await openCredentials({
          config,
          audience: () => bases.gatewayBase,
          vault,
          replica,
          relayer,
          lines: lines.sealed,
          key: subKey(vaultKey, 'credentials'),
          clock,
          random,
          telemetry: watch,
          asker,
        });
  opened.defer(() => credentials?.close());

  const right = resourceRight(bases, vault);
  const releasing: ResourceReleaseParts = {
    right,
    mask: maskResource,
    maskingContext: (part, patient) => maskingContext(part.question.now * 1000, patient),
    anchor: (tape, node) => anchorLinks(tape, node, bases),
    ...releaseIntegrity(records, config),
  };
  const containers = containerRelease(resourceRelease(releasing), { ...releasing, bases, operations });
  const guard = volumeGuard(risk.volume, risk.rules);
  const owners = ownerLookup({ reader, limits, bases });
  const exports = await openBulk({
    config,
    key: subKey(vaultKey, 'exports'),
    upstream,
    bases,
    release: containers.release,
    owners,
    guard,
    limits,
    lines: lines.sealed,
    clock,
    random,
  });
  opened.defer(() => exports.close());
  const cohorts = await openCohorts({
    ...{ policies, reader, right, bases, limits },
    lines: lines.plain,
    key: subKey(vaultKey, 'cohorts'),
  });
  opened.defer(() => cohorts.close());
  const gateway = createGateway(
    {
      classify: classify(
        {
          json: { ...defaultLimits, bytes: config.limits.bodyBytes },
          operations,
          partialBatch: true,
          get bases() {
            return [bases.gatewayBase, bases.upstreamBase];
          },
        },
        pages,
        exports.jobs,
        documents,
      ),
      authenticate: authenticate(verifier),
      admit: admit(entrance.admitted),
      authorise: authorise({ policies, operations, maskingKeys, trueIds: config.trueIds }),
      resolve: (search) => resolve({ reader, limits, bases, right, budgetMs: config.upstream.timeoutMs }, search),
      locate: locate({ bases, operations, reader, limits, budgetMs: config.upstream.timeoutMs, maskingContext }),
      consent: consent({
        registry: replica,
        keys: vault,
        policies,
        maxHeadAgeSeconds: config.chain.maxHeadAgeSeconds,
        operations,
        careTeamsOf: (fhirUser) => facts.careTeamsOf(fhirUser),
        ...(credentials === undefined ? {} : { credentialOf: (principal) => credentials.standing(principal) }),
        openedAt: (principal, now) => consentApi.breakGlass.openedAt(principal, now),
      }),
      assess: assess(options.risk ?? risk, risk.rules),
      plan: plan(operations),
      release: guardVolume(
        release({
          bundle: {
            ...containers,
            bases,
            links: bundleLinks(bases, pages, () => clock.now()),
            project,
          },
          limits,
          owners,
          further: audited((cleared, signal) => reader.read(cleared, signal)),
          seen,
          gone: (reference) => circumstances?.gone(reference),
          ...(records === undefined ? {} : { records }),
        }),
        guard,
      ),
      bulk: exports.bulk,
      cohorts,
      record: recorder(ledger, consentApi.breakGlass, 10_000),
      own: consentApi.own,
      capabilities: capabilityDocuments({ reader, bases, issuers: () => directory.current() }),
      pageSize: config.limits.pageSize,
      bases,
      stepUp: risk.rules.stepUp,
    },
    { clock, random, telemetry: watch, risk: options.risk ?? risk },
  );

  await mountProxy(app, {
    gateway,
    prefix,
    ...upstream,
    maxBodyBytes: config.limits.bodyBytes,
    around: audited,
  });
  const witnessing = await openWitnessing({ config, environment, ledger, clock, telemetry: watch });
  opened.defer(() => witnessing.stop());
  await app.register(ledgerRoutes(ledger, witnessing));
  await witnessing.mount(app);
  const health = mountHealth(app, { config, ledger, replica, policies, clock, telemetry: watch });
  policyApi.mount(app);
  explainRoutes(app, { ledger, asker });
  openApiRoutes(app, { routes, url: () => address.url, prefix });
  decisionRoutes(app, { gateway, asker, overseers: consentApi.overseers, prefix });
  consentApi.mount(app);
  erasureRoutes(app, { desk: eraser, asker, roles: erasers });
  mountRetention(app, { config, ledger, eraser, holds, asker, clock, random });
  const anchoring =
    chain.anchor === undefined
      ? undefined
      : anchorLedger({ ledger, client: chain.anchor, config: config.ledger, telemetry: watch, clock });
  if (anchoring !== undefined) opened.defer(() => anchoring.stop());
  const opens = mountConsole(app, {
    ...{ config, policies, directory, bases, random, asker, clock, telemetry: watch, health },
    ...{ replica, ledger, source, anchoring, reader, breakGlass: consentApi.breakGlass, relayer: relayer },
    origins: options.origins ?? new Map(),
  });
  mountRisk(app, { risk, threats, ledger, clock, opens });
  const audit = mountAudit(app, { config, ledger, source, clock, random, opens });
  opened.defer(() => audit.close());
  credentials?.mount(app);
  await app.listen({ host: config.listen.host, port: config.listen.port });
  address.url = config.publicUrl ?? `http://${config.listen.host}:${(app.server.address() as AddressInfo).port}`;

  const timestamping = openTimestamping({ config, ledger, clock, random, telemetry: watch });
  if (timestamping !== undefined) opened.defer(() => timestamping.stop());
  const forwarding = await openForwarding(config, ledger, watch);
  if (forwarding !== undefined) opened.defer(() => forwarding.stop());
  keepOperatorAccess(data, { url: address.url, token: operatorToken });

  return {
    url: address.url,
    fhirBase: bases.gatewayBase,
    app,
    routes,
    gateway,
    ledger,
    records,
    vault,
    lines,
    replica,
    consents: consentApi.desk,
    relayer,
    policies,
    risk,
    threats,
    telemetry: watch,
    random,
    close: () => opened.disposeAsync(),
  };
}

/** A date string costs more to make than to compare. */
const dayOf = (() => {
  let day = -1;
  let text = '';
  return (now: number): string => {
    const today = Math.floor(now / 86_400_000);
    if (today !== day) [day, text] = [today, new Date(now).toISOString().slice(0, 10)];
    return text;
  };
})();

const prefix = '/fhir';

const isFhir = (url: string): boolean => url === prefix || url.startsWith(`${prefix}/`) || url.startsWith(`${prefix}?`);

/** Keys for one use each, so that no key serves two purposes. */
const subKey = (key: Uint8Array, use: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, '', `consentry ${use}`, 32));
