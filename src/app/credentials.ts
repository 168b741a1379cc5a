import { createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createIssuerTrust } from '../adapters/chain/issuers.ts';
import type { Relayer } from '../adapters/chain/relayer.ts';
import type { RegistryReplica } from '../adapters/chain/replica.ts';
import { credentialIssuer } from '../adapters/identity/credential-issuer.ts';
import { createCredentialVerifier } from '../adapters/identity/sd-jwt.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { Config } from '../config/schema.ts';
import { conditionBit } from '../domain/consent/bits.ts';
import type { EpochSeconds, GrantId } from '../domain/consent/grant.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { credentialRoutes, holderOf, openCredentialDesk } from '../http/credentials.ts';
import type { Clock, OpenLines, Random, Telemetry } from '../ports.ts';

export interface CredentialApiParts {
  readonly config: Config;
  /** The gateway's FHIR base URL, known once it listens. */
  readonly audience: () => string;
  readonly replica: RegistryReplica;
  readonly vault: Vault;
  readonly relayer: Relayer;
  readonly lines: OpenLines;
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
}

const credential = conditionBit('CREDENTIAL');

export interface Credentials {
  /** Until when the caller's own credential for the study of the token stands. */
  standing(principal: Principal): EpochSeconds | undefined;
  mount(app: FastifyInstance): void;
  close(): Promise<void>;
}

/** Researchers present SD-JWT credentials; grants to their study that wait for one open until the earliest of credential, approval and grant. */
export async function openCredentials(parts: CredentialApiParts): Promise<Credentials> {
  const { config, vault, replica: registry, relayer } = parts;
  const { issuerRegistry } = config.chain;
  const trust =
    issuerRegistry === undefined
      ? undefined
      : createIssuerTrust({ replica: registry, contract: issuerRegistry, maxAgeMs: 60_000 });
  const seconds = (): number => Math.floor(parts.clock.now() / 1000);
  const issuerOf = (issuer: string, jwksUri: string) =>
    trust === undefined
      ? credentialIssuer({ jwksUri })
      : credentialIssuer({ jwksUri }, async (key) => (await trust.trustedUntil(issuer, key)) > seconds());
  const desk = await openCredentialDesk({
    verifier: createCredentialVerifier({
      issuers: new Map(config.credentials.issuers.map(({ issuer, jwksUri }) => [issuer, issuerOf(issuer, jwksUri)])),
      types: new Set(config.credentials.types),
      get audience() {
        return parts.audience();
      },
      bindingSeconds: 300,
      statusSeconds: 300,
      leeway: 30,
    }),
    grantsOfStudy(study): readonly GrantId[] {
      const view = registry.view();
      const grantee = vault.granteeOf('study', study);
      if (view === undefined) return [];
      return [...vault.patients()].flatMap((patient) => {
        const subject = vault.subjectOf(patient);
        if (subject === undefined) return [];
        return view
          .grantsOf(subject)
          .filter(
            (grant) =>
              grant.granteeKind === 'study' && grant.grantee === grantee && (grant.conditions & credential) !== 0,
          )
          .map((grant) => grant.id);
      });
    },
    relay: relayer,
    commit: ({ issuer, claims }) => `0x${createHmac('sha256', issuer).update(JSON.stringify(claims)).digest('hex')}`,
    lines: parts.lines,
    code: (text) => createHmac('sha256', parts.key).update(text).digest('base64url').slice(0, 22),
    clock: parts.clock,
    random: parts.random,
    nonceSeconds: 300,
  });
  const recheck = (): Promise<void> =>
    desk
      .recheck()
      .catch((error: unknown) =>
        parts.telemetry.failed('credentials', error instanceof Error ? error.name : typeof error),
      );
  let checking = recheck();
  const timer = setInterval(() => {
    checking = recheck();
  }, 300_000);
  timer.unref();
  return {
    standing: ({ issuer, user, study }) =>
      study === undefined ? undefined : desk.standing(holderOf(issuer, user), study),
    mount: (app) => credentialRoutes(app, { desk, asker: parts.asker }),
    async close() {
      clearInterval(timer);
      await checking;
      await desk.close();
    },
  };
}
