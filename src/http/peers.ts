import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { EpochSeconds, GrantId, SubjectKey } from '../domain/consent/grant.ts';
import { consentDomain, delegateRights, revokeTypedData } from '../domain/consent/typed-data.ts';
import type { Clock } from '../ports.ts';
import type { ConsentSigning, ConsentState, RevocationToRelay } from './consent-desk-parts.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

const strict = { additionalProperties: false };
const word = Type.String({ pattern: '^0x[0-9a-fA-F]{64}$' });
const bytes = (most: number) => Type.String({ pattern: `^0x([0-9a-fA-F]{2}){1,${most}}$` });
const revocation = Type.Object({ subject: word, id: word, signer: bytes(1024), signature: bytes(8192) }, strict);
const peerBody = Type.Object({ revocations: Type.Array(revocation, { minItems: 1, maxItems: 100 }) }, strict);

/** `shut`: in force here. `refused`: nobody who may said so. `later`: this gateway cannot tell yet. */
type PeerState = 'shut' | 'refused' | 'later';

export interface PeerRoutesParts {
  readonly registry: ConsentState;
  readonly signing: ConsentSigning;
  readonly chain: { readonly chainId: number; readonly contract: string };
  readonly clock: Clock;
  /** The contract's error, when only it can judge a signature; undefined without a way to ask it. */
  readonly askChain: ((signed: RevocationToRelay) => Promise<string | undefined>) | undefined;
  /** Resolves when the revocation will outlive a restart. */
  readonly keep: (signed: RevocationToRelay) => Promise<void>;
}

export const peerPath = '/api/v1/peers/revocations';

/** Grants that are not here yet can be shut ahead of their arrival: few for each subject, so that replays fill nothing. */
const mostUnknown = 32;

/**
 * Where other gateways bring revocations that they took in. They need not be trusted: only the signature of the patient
 * or a delegate counts, a revocation can do no harm twice, and nothing that opens anything is taken from them.
 */
export function peerRoutes(app: FastifyInstance, parts: PeerRoutesParts): void {
  const { registry, signing } = parts;
  const domain = consentDomain(parts.chain.chainId, parts.chain.contract);
  const held = new Set<GrantId>();
  const unknown = new Map<SubjectKey, number>();

  const take = async (signed: RevocationToRelay): Promise<PeerState> => {
    const { subject, id } = signed;
    if (held.has(id)) return 'shut';
    const grant = registry.grant(id);
    if (grant !== undefined && grant.subject !== subject) return 'refused';
    const ahead = unknown.get(subject) ?? 0;
    if (grant === undefined && ahead >= mostUnknown) return 'later';
    // Cheap before dear: who has no say here is not worth a signature check.
    const seconds = Math.floor(parts.clock.now() / 1000) as EpochSeconds;
    if (!registry.mayAct(subject, signing.controllerOf(signed.signer), delegateRights.withdraw, seconds))
      return 'later';
    if (signing.recover(revokeTypedData(domain, subject, id), signed) === undefined) {
      if (parts.askChain === undefined) return 'later';
      if ((await parts.askChain(signed)) !== undefined) return 'refused';
    }
    registry.revokeOnSight(id, subject);
    if (grant === undefined) unknown.set(subject, ahead + 1);
    await parts.keep(signed);
    held.add(id);
    return 'shut';
  };

  app.post(
    peerPath,
    {
      bodyLimit: 2 * 1024 * 1024,
      ...documented('What other gateways of the house tell: revocations they took in.', { body: peerBody, open: true }),
    },
    async (request, reply) => {
      const body = readBody(peerBody, request.body);
      if (!body.ok) return refuse(reply, 'body-invalid');
      const states: PeerState[] = [];
      // One after the other: a flood of signatures must not hold up those who read.
      for (const one of body.value.revocations) states.push(await take(lower(one)).catch(() => 'later' as const));
      return reply.header('cache-control', 'no-store').send({ states });
    },
  );
}

const lower = ({ subject, id, signer, signature }: Static<typeof revocation>): RevocationToRelay => ({
  subject: subject.toLowerCase() as SubjectKey,
  id: id.toLowerCase() as GrantId,
  signer: signer.toLowerCase(),
  signature,
});
