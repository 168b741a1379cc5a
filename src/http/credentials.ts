import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EpochSeconds, GrantCondition, GrantId } from '../domain/consent/grant.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { type Researcher, researcherOf } from '../domain/identity/researcher.ts';
import type { Clock, OpenLines, Random } from '../ports.ts';
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
  /** What the desk must know after a restart, and what it shares with other gateways. */
  readonly lines: OpenLines;
  /** A short code that only the gateways of this house can make. */
  code(text: string): string;
  readonly clock: Clock;
  readonly random: Random;
  readonly nonceSeconds: number;
}

interface Held {
  readonly user: string;
  readonly credential: HeldCredential;
  readonly researcher: Researcher;
  readonly grants: readonly GrantId[];
}

type Line =
  | { readonly what: 'held'; readonly held: Held }
  | { readonly what: 'closed'; readonly user: string; readonly study: string }
  | { readonly what: 'nonce'; readonly nonce: string; readonly until: number };

export interface CredentialDesk {
  /** A nonce for the key binding, good once and for this user. */
  challenge(user: string): string;
  present(user: string, nonce: string, presentation: string): Promise<Researcher | string>;
  /** Until when the user's credential for a study stands; undefined: it does not. */
  standing(user: string, study: string): EpochSeconds | undefined;
  /** To be called on a timer: what no longer stands is closed. */
  recheck(): Promise<void>;
  close(): Promise<void>;
}

/** The name of a holder: users are unique within their issuer. */
export const holderOf = (issuer: string, user: string): string => JSON.stringify([issuer, user]);

const heldKey = (user: string, study: string): string => JSON.stringify([user, study]);

/** Rejects when what it knew cannot be had. What was held before counts from the first recheck on. */
export const openCredentialDesk = async (parts: CredentialParts): Promise<CredentialDesk> => {
  const used = new Map<string, number>();
  const held = new Map<string, Held>();
  const unproven = new Set<string>();
  const now = (): number => Math.floor(parts.clock.now() / 1000);
  const lines = await parts.lines('credentials.ndjson', (text) => {
    const line = JSON.parse(text) as Line;
    switch (line.what) {
      case 'held':
        held.set(heldKey(line.held.user, line.held.researcher.study), line.held);
        break;
      case 'closed':
        held.delete(heldKey(line.user, line.study));
        break;
      case 'nonce':
        for (const [old, until] of used) if (until <= now()) used.delete(old);
        used.set(line.nonce, line.until);
        break;
    }
  });
  for (const key of held.keys()) unproven.add(key);

  /** What `make` gives is written; its `undefined` writes nothing. */
  const write = async (make: () => Line | undefined): Promise<boolean> => {
    let written = false;
    await lines.write(() => {
      const line = make();
      written = line !== undefined;
      return line === undefined ? undefined : JSON.stringify(line);
    });
    return written;
  };

  const close = async (key: string, { user, researcher, grants }: Held): Promise<void> => {
    const { study } = researcher;
    // Of several gateways that see it end, the first takes the attestations back.
    if (!(await write(() => (held.has(key) ? { what: 'closed', user, study } : undefined)))) return;
    const others = [...held.values()].filter((other) => other.researcher.study === study);
    for (const grant of grants) {
      if (!others.some((other) => other.grants.includes(grant))) await parts.relay.withdraw(grant, 'CREDENTIAL');
    }
  };

  const attest = async (credential: HeldCredential, researcher: Researcher, known: readonly GrantId[]) => {
    const grants = parts.grantsOfStudy(researcher.study);
    const commitment = parts.commit(credential);
    for (const grant of grants) {
      if (!known.includes(grant)) {
        await parts.relay.attest({ grant, condition: 'CREDENTIAL', until: researcher.until, commitment });
      }
    }
    return grants;
  };

  return {
    challenge(user) {
      const fresh = Buffer.from(parts.random.bytes(12)).toString('base64url');
      const open = `${fresh}.${(now() + parts.nonceSeconds).toString(36)}`;
      return `${open}.${parts.code(JSON.stringify([user, open]))}`;
    },
    async present(user, nonce, presentation) {
      const [fresh = '', end = '', code] = nonce.split('.');
      const until = Number.parseInt(end, 36);
      if (code !== parts.code(JSON.stringify([user, `${fresh}.${end}`])) || !(until > now())) return 'nonce';
      if (!(await write(() => (used.has(nonce) ? undefined : { what: 'nonce', nonce, until })))) return 'nonce';
      const result = await parts.verifier.verify(presentation, nonce, now());
      if (!result.ok) return result.fault;
      const { credential } = result;
      const researcher = researcherOf(credential.claims, credential.expires);
      if (researcher === undefined) return 'claims';
      if (researcher.until <= now()) return 'expired';
      const grants = await attest(credential, researcher, []);
      await write(() => ({ what: 'held', held: { user, credential, researcher, grants } }));
      unproven.delete(heldKey(user, researcher.study));
      return researcher;
    },
    standing(user, study) {
      const key = heldKey(user, study);
      const one = unproven.has(key) ? undefined : held.get(key);
      return one === undefined || one.researcher.until <= now() ? undefined : one.researcher.until;
    },
    async recheck() {
      for (const [key, one] of [...held]) {
        const result = one.researcher.until <= now() ? undefined : await parts.verifier.recheck(one.credential, now());
        // A status that cannot be had closes too: a withdrawn credential must not live on by hiding its list.
        if (result?.ok !== true) await close(key, one);
        else {
          const grants = await attest(one.credential, one.researcher, one.grants);
          if (grants.some((grant) => !one.grants.includes(grant)))
            await write(() => (held.has(key) ? { what: 'held', held: { ...one, grants } } : undefined));
        }
        unproven.delete(key);
      }
    },
    close: () => lines.close(),
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
