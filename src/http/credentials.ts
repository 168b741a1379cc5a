import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EpochSeconds, GrantCondition, GrantId } from '../domain/consent/grant.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { type Researcher, researcherOf } from '../domain/identity/researcher.ts';
import type { Clock, Random } from '../ports.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface HeldCredential {
  readonly issuer: string;
  readonly type: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly expires: number;
  readonly status?: { readonly uri: string; readonly index: number };
}

export type CredentialResult =
  | { readonly ok: true; readonly credential: HeldCredential }
  | { readonly ok: false; readonly fault: string };

export interface CredentialParts {
  readonly verifier: {
    verify(presentation: string, nonce: string, now: number): Promise<CredentialResult>;
    recheck(credential: HeldCredential, now: number): Promise<CredentialResult>;
  };
  /** Grants to a study that wait for a credential. */
  grantsOfStudy(study: string): readonly GrantId[];
  readonly relay: {
    attest(fact: {
      readonly grant: GrantId;
      readonly condition: GrantCondition;
      readonly until: EpochSeconds;
      readonly commitment: string;
    }): Promise<unknown>;
    withdraw(grant: GrantId, condition: GrantCondition): Promise<unknown>;
  };
  /** Keyed name of a credential for the chain. */
  commit(credential: HeldCredential): string;
  readonly clock: Clock;
  readonly random: Random;
  readonly nonceSeconds: number;
}

interface Held {
  readonly user: string;
  readonly credential: HeldCredential;
  readonly researcher: Researcher;
  readonly grants: ReadonlySet<GrantId>;
}

export interface CredentialDesk {
  /** A nonce for the key binding, good once and for this user. */
  challenge(user: string): string;
  present(user: string, nonce: string, presentation: string): Promise<Researcher | string>;
  /** Until when the user's credential for a study stands; undefined: it does not. */
  standing(user: string, study: string): EpochSeconds | undefined;
  /** To be called on a timer: what no longer stands is closed. */
  recheck(): Promise<void>;
}

/** The name of a holder: users are unique within their issuer. */
export const holderOf = (issuer: string, user: string): string => JSON.stringify([issuer, user]);

const heldKey = (user: string, study: string): string => JSON.stringify([user, study]);

export const createCredentialDesk = (parts: CredentialParts): CredentialDesk => {
  const nonces = new Map<string, { readonly user: string; readonly until: number }>();
  const held = new Map<string, Held>();
  const now = (): number => Math.floor(parts.clock.now() / 1000);

  const close = async (key: string, one: Held): Promise<void> => {
    held.delete(key);
    const others = [...held.values()].filter(({ researcher }) => researcher.study === one.researcher.study);
    for (const grant of one.grants) {
      if (!others.some(({ grants }) => grants.has(grant))) await parts.relay.withdraw(grant, 'CREDENTIAL');
    }
  };

  const attest = async (credential: HeldCredential, researcher: Researcher, known: ReadonlySet<GrantId>) => {
    const grants = parts.grantsOfStudy(researcher.study);
    const commitment = parts.commit(credential);
    for (const grant of grants) {
      if (!known.has(grant)) {
        await parts.relay.attest({ grant, condition: 'CREDENTIAL', until: researcher.until, commitment });
      }
    }
    return new Set(grants);
  };

  return {
    challenge(user) {
      const nonce = Buffer.from(parts.random.bytes(24)).toString('base64url');
      for (const [old, { until }] of nonces) if (until <= now()) nonces.delete(old);
      nonces.set(nonce, { user, until: now() + parts.nonceSeconds });
      return nonce;
    },
    async present(user, nonce, presentation) {
      const asked = nonces.get(nonce);
      nonces.delete(nonce);
      if (asked === undefined || asked.user !== user || asked.until <= now()) return 'nonce';
      const result = await parts.verifier.verify(presentation, nonce, now());
      if (!result.ok) return result.fault;
      const researcher = researcherOf(result.credential.claims, result.credential.expires);
      if (researcher === undefined) return 'claims';
      if (researcher.until <= now()) return 'expired';
      const key = heldKey(user, researcher.study);
      const grants = await attest(result.credential, researcher, new Set());
      held.set(key, { user, credential: result.credential, researcher, grants });
      return researcher;
    },
    standing(user, study) {
      const one = held.get(heldKey(user, study));
      return one === undefined || one.researcher.until <= now() ? undefined : one.researcher.until;
    },
    async recheck() {
      for (const [key, one] of [...held]) {
        const result = one.researcher.until <= now() ? undefined : await parts.verifier.recheck(one.credential, now());
        // A status that cannot be had closes too: a withdrawn credential must not live on by hiding its list.
        if (result?.ok !== true) await close(key, one);
        else held.set(key, { ...one, grants: await attest(one.credential, one.researcher, one.grants) });
      }
    },
  };
};

export interface CredentialRoutesParts {
  readonly desk: CredentialDesk;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
}

const presentBody = Type.Object(
  { nonce: Type.String({ maxLength: 64 }), presentation: Type.String({ maxLength: 65_536 }) },
  { additionalProperties: false },
);

/** `/api/v1/credentials`: a researcher asks for a nonce, then presents a credential bound to it. */
export function credentialRoutes(app: FastifyInstance, parts: CredentialRoutesParts): void {
  const userOf = async (request: FastifyRequest): Promise<string | undefined> => {
    const asker = await parts.asker(request);
    return asker === undefined || asker === 'operator' ? undefined : holderOf(asker.issuer, asker.user);
  };

  app.post('/api/v1/credentials/challenge', documented('A nonce to bind a credential to.'), async (request, reply) => {
    const user = await userOf(request);
    if (user === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
    return reply.header('cache-control', 'no-store').send({ nonce: parts.desk.challenge(user) });
  });

  app.post(
    '/api/v1/credentials',
    documented('Presents the credential of a researcher.', { body: presentBody }),
    async (request, reply) => {
      const user = await userOf(request);
      if (user === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      const body = readBody(presentBody, request.body);
      if (!body.ok) return refuse(reply, 'body-invalid');
      const told = await parts.desk.present(user, body.value.nonce, body.value.presentation);
      if (typeof told === 'string') return refuse(reply, 'consent-signature-invalid');
      return reply
        .header('cache-control', 'no-store')
        .send({ study: told.study, until: new Date(told.until * 1000).toISOString() });
    },
  );
}
