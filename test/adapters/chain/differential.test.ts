import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Interface } from 'ethers';
import fc from 'fast-check';
import { consentRegistryAbi } from '../../../src/adapters/chain/generated/consent-registry.ts';
import { createRelayer, type Relayer } from '../../../src/adapters/chain/relayer.ts';
import { createRegistryReplica, type RegistryReplica } from '../../../src/adapters/chain/replica.ts';
import { grantIdOf, signGrant, signNarrowing, signRevocation } from '../../../src/adapters/chain/sign.ts';
import type { ConsentActor } from '../../../src/domain/consent/actor.ts';
import { decide } from '../../../src/domain/consent/decide.ts';
import { consentActions, consentPurposes, type GranteeKey, granteeKinds } from '../../../src/domain/consent/grant.ts';
import { closedPolicy } from '../../../src/domain/consent/policy.ts';
import { type GrantTerms, grantArguments } from '../../../src/domain/consent/typed-data.ts';
import type { PurposeOfUse } from '../../../src/domain/identity/principal.ts';
import { type Chain, far, newGrantee, newPatient, seconds, startChain, termsFor, until, word } from './fixture.ts';

/** Two writings of one rule, in two languages by two hands: what the contract answers and what the gateway decides. */
const registry = new Interface(consentRegistryAbi);
const answers = ['no-consent', 'permit', 'deny'] as const;

const person = newGrantee();
const clinic = newGrantee();
const nurse = newGrantee();
const stranger = newGrantee();
const actor: ConsentActor = { person, organisation: clinic, roles: [nurse], careTeams: [] };
const onChain = [
  { kind: granteeKinds.indexOf('person'), key: person },
  { kind: granteeKinds.indexOf('organisation'), key: clinic },
  { kind: granteeKinds.indexOf('role'), key: nurse },
];

/** Few values, so that grants and questions meet often. */
const few = (width: number) => fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 2 ** width - 1 }));
const moment = fc.constantFrom(0, 1_000, 2_000, 3_000, 4_000).map(seconds);
const future = fc.constantFrom(0, 4_000_000_000, 4_100_000_000, 4_200_000_000).map(seconds);

const grants = fc.record({
  who: fc.constantFrom<[GrantTerms['granteeKind'], GranteeKey]>(
    ['person', person],
    ['organisation', clinic],
    ['role', nurse],
    ['role', stranger],
    ['study', nurse],
  ),
  deny: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  actions: few(2),
  purposes: few(2),
  classes: few(3),
  labels: few(2),
  conditions: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 3 })),
  from: fc.oneof(fc.constant(seconds(0)), fc.constant(seconds(0)), future),
  until: future,
  dataFrom: fc.oneof(fc.constant(seconds(0)), moment),
  dataUntil: fc.oneof(fc.constant(seconds(0)), moment),
  fate: fc.constantFrom('stands', 'stands', 'revoked', 'narrowed', 'attested'),
});

const questions = fc.record({
  action: fc.constantFrom(0, 1),
  purpose: fc.constantFrom(0, 1),
  classes: fc.integer({ min: 1, max: 7 }),
  labels: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 }), fc.constant(2 ** 12)),
  dates: fc.option(fc.record({ from: moment, length: fc.constantFrom(0, 500, 1_500) }), { nil: undefined }),
  now: fc.constantFrom(3_999_999_999, 4_000_000_000, 4_050_000_000, 4_150_000_000, 4_300_000_000),
});

describe('the decision and the contract', () => {
  let chain: Chain;
  let relayer: Relayer;
  let replica: RegistryReplica;

  beforeAll(async () => {
    chain = await startChain();
    const { chainId, consentRegistry: contract, block } = chain.deployment;
    const rpcUrl = chain.anvil.rpcUrl;
    relayer = createRelayer({
      rpcUrl,
      key: chain.key,
      chainId,
      contract,
      queueFile: join(chain.folder, 'queue'),
      pollMs: 20,
    });
    await relayer.start();
    replica = createRegistryReplica({
      rpcUrls: [rpcUrl],
      chainId,
      contract,
      fromBlock: block,
      finality: 'latest',
      pollMs: 20,
    });
    await replica.start();
  });

  afterAll(async () => {
    await replica.stop();
    await relayer.stop();
    await chain.stop();
  });

  it('agree on random grants, revoked, narrowed and attested, at random times', async () => {
    const cases = fc.sample(
      fc.tuple(fc.array(grants, { minLength: 1, maxLength: 4 }), fc.array(questions, { minLength: 25, maxLength: 25 })),
      {
        numRuns: Number(process.env.DIFFERENTIAL_RUNS ?? 25),
        seed: 20_261_122,
      },
    );
    const prepared = await Promise.all(
      cases.map(async ([wanted, asked]) => {
        const patient = newPatient();
        await relayer.register(patient.subject, patient.wallet.address);
        const made = wanted.map((one) => {
          const { who, deny, fate, ...scope } = one;
          if (scope.until !== 0 && scope.until <= scope.from) scope.until = seconds(0);
          if (scope.dataUntil !== 0 && scope.dataUntil <= scope.dataFrom) scope.dataUntil = seconds(0);
          const [granteeKind, grantee] = who;
          const effect = deny ? ('deny' as const) : ('permit' as const);
          const conditions = deny ? 0 : scope.conditions;
          return { terms: termsFor(patient.subject, { ...scope, granteeKind, grantee, effect, conditions }), fate };
        });
        const { key } = patient.wallet;
        const granted = await Promise.all(
          made.map(async ({ terms }) => relayer.grant(await signGrant(key, terms, chain.domain, far))),
        );
        for (const ticket of granted) expect(await ticket.settled).toMatchObject({ ok: true });
        const changes = made.map(async ({ terms, fate }) => {
          const id = grantIdOf(terms);
          if (fate === 'revoked')
            return [await relayer.revoke(await signRevocation(key, patient.subject, id, chain.domain))];
          if (fate === 'narrowed' && terms.effect === 'permit') {
            const slim = {
              ...terms,
              actions: terms.actions & 1 || terms.actions,
              until: terms.until || seconds(4_250_000_000),
            };
            if (slim.until <= slim.from) return [];
            return [await relayer.narrow(await signNarrowing(key, patient.subject, id, slim, chain.domain))];
          }
          if (fate !== 'attested') return [];
          const fact = { grant: id, until: seconds(4_100_000_000), commitment: word() };
          return [
            await relayer.attest({ ...fact, condition: 'REFERRAL' }),
            await relayer.attest({ ...fact, condition: 'CREDENTIAL', until: seconds(4_200_000_000) }),
          ];
        });
        for (const ticket of (await Promise.all(changes)).flat())
          expect(await ticket.settled).toMatchObject({ ok: true });
        return { subject: patient.subject, names: made.map(({ terms }) => terms), asked };
      }),
    );
    const mined = BigInt(await relayerHead());
    await until(() => (replica.view()?.head.number ?? 0) >= Number(mined), 'the replica is there');

    const seen = { permit: 0, deny: 0, 'no-consent': 0 };
    for (const { subject, names, asked } of prepared) {
      const sorted = [...names]
        .sort((a, b) => (grantIdOf(a) < grantIdOf(b) ? -1 : 1))
        .map((terms) => grantArguments(terms).name);
      for (const one of asked) {
        const dates = one.dates && { from: one.dates.from, to: seconds(one.dates.from + one.dates.length) };
        const known = dates && dates.to > 0 ? dates : undefined;
        const question = {
          subject,
          actor: onChain,
          action: one.action,
          purpose: one.purpose,
          classes: one.classes,
          labels: one.labels,
          dataFrom: known?.from ?? 0,
          dataTo: known?.to ?? 0,
        };
        const data = registry.encodeFunctionData('check', [question, sorted]);
        const answer = await rpc('eth_call', [
          { to: chain.deployment.consentRegistry, data },
          'latest',
          {},
          { time: `0x${one.now.toString(16)}` },
        ]);
        const decision = decide(
          replica.view(),
          {
            subject,
            self: false,
            actor,
            roles: [],
            purpose: (consentPurposes[one.purpose] ?? 'TREAT') as PurposeOfUse,
            action: consentActions[one.action] ?? 'read',
            now: seconds(one.now),
          },
          { classes: one.classes, labels: one.labels, ...(known ? { dates: known } : {}) },
          closedPolicy,
        );
        expect({ one, names, effect: decision.effect }).toEqual({ one, names, effect: answers[Number(answer)] });
        seen[decision.effect]++;
      }
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(40);
  });

  async function rpc(method: string, params: readonly unknown[]): Promise<string> {
    const response = await fetch(chain.anvil.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = (await response.json()) as { result: string; error?: { message: string } };
    if (error) throw new Error(error.message);
    return result;
  }

  const relayerHead = () => rpc('eth_blockNumber', []);
});
