import { createHmac, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { signingWithPasskeys } from '../../src/adapters/chain/consent-signing.ts';
import { createRelayer } from '../../src/adapters/chain/relayer.ts';
import { createRegistryReplica, type RegistryReplica } from '../../src/adapters/chain/replica.ts';
import { openLedger } from '../../src/adapters/store/files-ledger.ts';
import { fileLines } from '../../src/adapters/store/lines-file.ts';
import { openSealedBook, type SealedBook } from '../../src/adapters/store/sealed-book.ts';
import { openVault, type Vault } from '../../src/adapters/store/vault.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { ClientId, Principal, PurposeOfUse, Role, UserId } from '../../src/domain/identity/principal.ts';
import { parseScopes } from '../../src/domain/identity/scope.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { parseConsentPolicy } from '../../src/domain/policy/consent-policy.ts';
import { parseDataClasses } from '../../src/domain/policy/data-classes-file.ts';
import { consentRoutes } from '../../src/http/consent.ts';
import { createConsentDesk } from '../../src/http/consent-desk.ts';
import type { ConsentNote } from '../../src/http/consent-desk-parts.ts';
import { openFirstVouches } from '../../src/http/consent-vouch.ts';
import { handleErrors } from '../../src/http/errors.ts';
import { type FhirConsent, fhirConsent } from '../../src/http/fhir-consent.ts';
import { type Chain, startChain } from '../adapters/chain/fixture.ts';

const policies = new URL('../../policies/', import.meta.url);
const textOf = (path: string): string => readFileSync(new URL(path, policies), 'utf8');

const principal = (fhirUser: string, roles: readonly string[]): Principal => ({
  user: fhirUser as UserId,
  issuer: 'https://issuer.example',
  client: 'portal' as ClientId,
  fhirUser,
  roles: roles as readonly Role[],
  purpose: 'PATRQT' as PurposeOfUse,
  scopes: parseScopes('user/Consent.cruds'),
});

/** Tokens of this rig are names of callers. */
const callers: Readonly<Record<string, Principal | 'operator'>> = {
  anna: principal('Patient/anna', ['patient']),
  bert: principal('Patient/bert', ['patient']),
  flora: principal('Patient/flora', ['patient']),
  gita: principal('Patient/gita', ['patient']),
  app: {
    ...principal('Patient/flora', ['patient']),
    scopes: parseScopes('patient/Consent.c'),
  },
  carla: principal('Patient/carla', ['patient']),
  mother: { ...principal('RelatedPerson/mother', ['patient']), launchPatient: 'carla' as PatientId },
  doctor: principal('Practitioner/meyer', ['clinician']),
  nurse: principal('Practitioner/nurse', ['clinician']),
  officer: principal('Practitioner/officer', ['privacy-officer']),
  operator: 'operator',
};

export interface ConsentRig {
  readonly app: FastifyInstance;
  readonly vault: Vault;
  readonly replica: RegistryReplica;
  readonly book: SealedBook<ConsentNote>;
  readonly chain: Chain;
  readonly fhir: FhirConsent;
  principal(who: string): Principal;
  ledgerSize(): number;
  call(
    who: string,
    method: 'GET' | 'POST',
    url: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  stop(): Promise<void>;
}

/** The consent API over a real chain, vault, book and ledger. */
export const startConsentRig = async (): Promise<ConsentRig> => {
  const chain = await startChain({ slotsInAnEpoch: 1 });
  const { consentRegistry: contract, chainId, passkeyVerifier } = chain.deployment;
  const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  const clock = { now: () => Date.now() as Instant };
  const vault = await openVault({
    folder: join(chain.folder, 'vault'),
    masterKey: random.bytes(32),
    organisation: 'Organization/o1',
    epoch: '1',
    random,
  });
  const ledger = await openLedger({
    folder: join(chain.folder, 'ledger'),
    origin: 'test',
    payloadKeys: vault,
    clock,
    random,
  });
  const book = await openSealedBook<ConsentNote>({
    lines: fileLines(join(chain.folder, 'book')),
    name: 'consents.book',
    keys: vault,
    random,
  });
  const vouches = await openFirstVouches(fileLines(join(chain.folder, 'vouches')));
  const replica = createRegistryReplica({
    rpcUrls: [chain.anvil.rpcUrl],
    chainId,
    contract,
    finality: 'latest',
    pollMs: 20,
  });
  await replica.start();
  const relayer = createRelayer({
    rpcUrl: chain.anvil.rpcUrl,
    key: chain.key,
    chainId,
    contract,
    queueFile: join(chain.folder, 'queue'),
    pollMs: 20,
  });
  await relayer.start();
  const consent = parseConsentPolicy('consent.yaml', textOf('consent.yaml'));
  const sets = parseDataClasses(
    readdirSync(new URL('data-classes/', policies)).map((file) => ({ file, text: textOf(`data-classes/${file}`) })),
  );
  if (!consent.ok || !sets.ok) throw new Error('the shipped policies do not load');
  let entries = 0;
  const counted = {
    append: async (entry: Parameters<typeof ledger.append>[0]) => {
      const receipt = await ledger.append(entry);
      entries += 1;
      return receipt;
    },
    find: ledger.find,
    close: ledger.close,
  };
  const desk = createConsentDesk({
    registry: replica,
    relay: relayer,
    keys: vault,
    signing: signingWithPasskeys(passkeyVerifier),
    passkeyVerifier,
    chain: { chainId, contract },
    book,
    vouches,
    ledger: counted,
    clock,
    random,
    waitMs: 10_000,
    deadlineSeconds: 600,
    commit: (salt, terms) => `0x${createHmac('sha256', salt).update(terms).digest('hex')}`,
  });
  const app = Fastify();
  handleErrors(app, () => undefined);
  consentRoutes(app, {
    desk,
    registry: replica,
    keys: vault,
    clock,
    chain: { chainId, contract },
    passkeyVerifier,
    bases: () => ['https://gateway.example/fhir'],
    policy: () => ({ consent: consent.policyFor('default'), classifier: sets.classifier }),
    asker: async (request) => callers[request.headers.authorization?.replace('Bearer ', '') ?? ''],
    overseers: new Set(['privacy-officer']),
    vouchers: new Set(['clinician', 'privacy-officer']),
  });
  await app.ready();
  const fhir = fhirConsent({
    desk,
    registry: replica,
    keys: vault,
    ledger: counted,
    chain: { chainId, contract },
    bases: () => ['https://gateway.example/fhir'],
    possible: sets.classifier.possible,
    overseers: new Set(['privacy-officer']),
  });
  return {
    app,
    vault,
    replica,
    book,
    chain,
    fhir,
    principal(who) {
      const caller = callers[who];
      if (caller === undefined || caller === 'operator') throw new Error('no such caller');
      return caller;
    },
    ledgerSize: () => entries,
    async call(who, method, url, body) {
      const response = await app.inject({
        method,
        url,
        headers: { authorization: `Bearer ${who}` },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      return { status: response.statusCode, body: response.json() };
    },
    async stop() {
      await app.close();
      await relayer.stop();
      await replica.stop();
      await book.close();
      await vouches.close();
      await ledger.close();
      await vault.close();
      await chain.stop();
    },
  };
};

export const anna = 'anna' as PatientId;
