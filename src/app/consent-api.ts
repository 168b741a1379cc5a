import { createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { signingWithPasskeys } from '../adapters/chain/consent-signing.ts';
import { proveGrant } from '../adapters/chain/grant-proof.ts';
import type { Relayer } from '../adapters/chain/relayer.ts';
import type { RegistryReplica } from '../adapters/chain/replica.ts';
import { openSealedBook } from '../adapters/store/sealed-book.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { Config } from '../config/schema.ts';
import type { Bases } from '../domain/fhir/references.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { type BreakGlassDesk, type BreakGlassNote, breakGlassRoutes, openBreakGlassDesk } from '../http/break-glass.ts';
import { consentRoutes } from '../http/consent.ts';
import { createConsentDesk } from '../http/consent-desk.ts';
import type { ConsentDesk, ConsentNote } from '../http/consent-desk-parts.ts';
import { consentOverviewRoutes } from '../http/consent-overview.ts';
import { openFirstVouches } from '../http/consent-vouch.ts';
import { consoleAccess } from '../http/console-access.ts';
import { fhirConsent } from '../http/fhir-consent.ts';
import type { Clock, LedgerStore, Policies, Random, Telemetry } from '../ports.ts';
import { isWrite } from '../stages/judge.ts';
import type { OwnResources } from '../stages/own.ts';
import type { GatewayLines } from './lines.ts';
import type { Peers } from './peers.ts';

export interface ConsentApiParts {
  readonly config: Config;
  readonly vault: Vault;
  readonly replica: RegistryReplica;
  readonly relayer: Relayer | undefined;
  readonly peers: Peers;
  readonly lines: GatewayLines;
  /** Names emergencies in lines that outlive an erasure. */
  readonly key: Uint8Array;
  readonly ledger: LedgerStore;
  readonly policies: Policies;
  readonly clock: Clock;
  readonly random: Random;
  readonly bases: Bases;
  readonly telemetry: Telemetry;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
}

export interface ConsentApi {
  readonly desk: ConsentDesk;
  readonly breakGlass: BreakGlassDesk;
  /** Consent on the FHIR side. */
  readonly own: OwnResources;
  readonly overseers: Pick<ReadonlySet<string>, 'has'>;
  mount(app: FastifyInstance): void;
  close(): Promise<void>;
}

/** The desk where patients grant, narrow and revoke, and the one where emergency access is reviewed; their notes are sealed per patient. */
export async function openConsentApi(parts: ConsentApiParts): Promise<ConsentApi> {
  const { config, vault, replica, relayer, lines, clock, random } = parts;
  const consents = await openSealedBook<ConsentNote>({
    lines: lines.plain,
    name: 'books/consents.book',
    keys: vault,
    random,
  });
  const glass = await openSealedBook<BreakGlassNote>({
    lines: lines.plain,
    name: 'books/break-glass.book',
    keys: vault,
    random,
  });
  const vouches = await openFirstVouches(lines.sealed);
  /** Who changed something at one gateway reads of it at the next; while the others cannot be asked, what is known here is told. */
  const caughtUp = (): Promise<void> => lines.follow().catch(() => undefined);
  const chain = { chainId: config.chain.chainId, contract: config.chain.consentRegistry };
  /** Roles that look at any patient's consents and review emergency access, and change neither. */
  const overseers = {
    has: (role: string) => parts.policies.current()?.roles.roles.get(role)?.console.has('consent') === true,
  };
  /** Those two of whom open what waits for two people: who treats, and who answers for privacy. */
  const vouchers = {
    has: (role: string) => overseers.has(role) || parts.policies.current()?.consent.breakGlass.roles.has(role) === true,
  };
  const bases = (): readonly string[] => [parts.bases.gatewayBase, parts.bases.upstreamBase];
  const desk = createConsentDesk({
    registry: replica,
    relay: relayer,
    announce: (signed) => parts.peers.announce(signed),
    keys: vault,
    signing: signingWithPasskeys(config.chain.passkeyVerifier),
    passkeyVerifier: config.chain.passkeyVerifier,
    chain,
    book: consents,
    vouches,
    ledger: parts.ledger,
    clock,
    random,
    waitMs: 5000,
    deadlineSeconds: 3600,
    commit: (salt, terms) => `0x${createHmac('sha256', salt).update(terms).digest('hex')}`,
  });
  const breakGlass = await openBreakGlassDesk({
    book: glass,
    lines: lines.plain,
    tag: (text) => createHmac('sha256', parts.key).update(text).digest('base64url').slice(0, 22),
    clock,
    random,
    // The counter raises the alarm; who and whom stay in the review task.
    notice: () => parts.telemetry.failed('break-glass', 'EmergencyAccess'),
  });
  const consentOnFhir = fhirConsent({
    desk,
    registry: replica,
    keys: vault,
    ledger: parts.ledger,
    chain,
    bases,
    possible: (type) => parts.policies.current()?.classifier.possible(type) ?? 0,
    overseers,
  });
  return {
    desk,
    overseers,
    breakGlass,
    own: {
      serves: (interaction) => 'type' in interaction && interaction.type === 'Consent',
      refusesInBatch: (interaction) => {
        const type = 'type' in interaction ? interaction.type : undefined;
        // A Consent that is stored without a signature looks like one that counts; the audit is the ledger's.
        if (type === 'Consent' && isWrite(interaction)) return 'consent-unsigned';
        return type === 'AuditEvent' ? 'interaction-unsupported' : undefined;
      },
      async answer(call) {
        await caughtUp();
        return consentOnFhir.answer(call);
      },
    },
    mount(app) {
      app.addHook('onRequest', async ({ url }) => {
        if (/^\/api\/v1\/(consents|break-glass)/.test(url)) await caughtUp();
      });
      parts.peers.mount(app);
      consentRoutes(app, {
        desk,
        registry: replica,
        keys: vault,
        clock,
        chain,
        passkeyVerifier: config.chain.passkeyVerifier,
        bases,
        policy: () => parts.policies.current(),
        asker: parts.asker,
        overseers,
        vouchers,
      });
      consentOverviewRoutes(app, {
        registry: replica,
        keys: vault,
        chain,
        replica: () => replica.metrics(),
        relay: relayer === undefined ? undefined : () => ({ metrics: relayer.metrics(), pending: relayer.pending() }),
        prove: (subject, id) => proveGrant(replica, chain.contract, subject, id),
        opens: consoleAccess({ policies: parts.policies, asker: parts.asker }),
      });
      breakGlassRoutes(app, { desk: breakGlass, clock, asker: parts.asker, overseers });
    },
    async close() {
      await consents.close();
      await breakGlass.close();
      await glass.close();
      await vouches.close();
    },
  };
}
