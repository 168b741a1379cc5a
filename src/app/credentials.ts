import { createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Relayer } from '../adapters/chain/relayer.ts';
import { credentialIssuer } from '../adapters/identity/credential-issuer.ts';
import { createCredentialVerifier } from '../adapters/identity/sd-jwt.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { Config } from '../config/schema.ts';
import { conditionBit } from '../domain/consent/bits.ts';
import type { GrantId } from '../domain/consent/grant.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { createCredentialDesk, credentialRoutes } from '../http/credentials.ts';
import type { Clock, ConsentRegistry, Random, Telemetry } from '../ports.ts';

export interface CredentialApiParts {
  readonly config: Config;
  readonly audience: string;
  readonly vault: Vault;
  readonly registry: ConsentRegistry;
  readonly relayer: Relayer;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
}

const credential = conditionBit('CREDENTIAL');

/** Researchers present SD-JWT credentials; grants to their study that wait for one open until the earliest of credential, approval and grant. */
export function mountCredentials(app: FastifyInstance, parts: CredentialApiParts): { close(): void } {
  const { config, vault, registry, relayer } = parts;
  const desk = createCredentialDesk({
    verifier: createCredentialVerifier({
      issuers: new Map(
        config.credentials.issuers.map(({ issuer, jwksUri }) => [issuer, credentialIssuer({ jwksUri })]),
      ),
      types: new Set(config.credentials.types),
      audience: parts.audience,
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
    clock: parts.clock,
    random: parts.random,
    nonceSeconds: 300,
  });
  credentialRoutes(app, { desk, asker: parts.asker });
  const timer = setInterval(() => {
    desk
      .recheck()
      .catch((error: unknown) =>
        parts.telemetry.failed('credentials', error instanceof Error ? error.name : typeof error),
      );
  }, 300_000);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
