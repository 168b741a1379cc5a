import { createHash } from 'node:crypto';
import { eventTopics, foldRecord, initialAccumulator } from '../src/adapters/chain/event-codec.ts';
import { EventLog, type PlacedMark } from '../src/adapters/chain/event-log.ts';
import { restore } from '../src/adapters/chain/snapshot.ts';
import type { ConsentActor } from '../src/domain/consent/actor.ts';
import { decide } from '../src/domain/consent/decide.ts';
import type { EpochSeconds, GranteeKey, SubjectKey } from '../src/domain/consent/grant.ts';
import { closedPolicy } from '../src/domain/consent/policy.ts';
import { viewOf } from '../src/domain/consent/replica.ts';
import type { PurposeOfUse } from '../src/domain/identity/principal.ts';

/**
 * A process of its own, so that memory and start-up are those of a replica and of nothing else.
 * `make FILE GRANTS`: writes a snapshot as a replica would have. `use FILE GRANTS DECISIONS`: starts from it and decides.
 */
const [task = '', file = '', grantCount = '0', decisionCount = '0'] = process.argv.slice(2);
const grants = Number(grantCount);
/** Five grants a patient, as in a hospital where each has a few organisations, a study and a deny or two. */
const subjectOf = (n: number) =>
  createHash('sha256')
    .update(`subject ${n % Math.ceil(grants / 5)}`)
    .digest();
const granteeOf = (n: number) =>
  createHash('sha256')
    .update(`organisation ${n % 500}`)
    .digest();
const hex = (bytes: Buffer) => `0x${bytes.toString('hex')}`;
const contract = `0x${'c0'.repeat(20)}`;
const start: PlacedMark = { number: -1, time: 0, hash: '', accumulator: initialAccumulator(1, contract), offset: 0 };
const hash = `0x${'1'.repeat(64)}`;

function make(): void {
  const log = new EventLog(file);
  log.load(
    () => {},
    () => false,
  );
  let { accumulator } = start;
  for (let n = 0; n < grants; n++) {
    const record = Buffer.alloc(6 * 32);
    record.write(eventTopics.granted.slice(2), 0, 'hex');
    createHash('sha256').update(`id ${n}`).digest().copy(record, 32);
    subjectOf(n).copy(record, 64);
    granteeOf(n).copy(record, 96);
    // One grant in ten is a deny; kind organisation; read and search, for treatment, of every class.
    record[159] = 1 | (n % 10 === 9 ? 4 : 0) | (1 << 3);
    record[158] = 3;
    record[157] = 1;
    createHash('sha256').update(`terms ${n}`).digest().copy(record, 160);
    const block = Math.floor(n / 100);
    accumulator = foldRecord(accumulator, record);
    log.append(record, block);
    if (n % 100 === 99) log.mark({ number: block, time: block, hash, accumulator });
  }
  log.mark({ number: Math.ceil(grants / 100), time: 0, hash, accumulator });
  log.close();
}

function use(): void {
  const began = performance.now();
  const before = process.cpuUsage();
  const { fold } = restore(new EventLog(file), start);
  const seconds = (performance.now() - began) / 1000;
  const spent = process.cpuUsage(before);
  const cpuSeconds = (spent.user + spent.system) / 1e6;
  const head = { number: 2 ** 31, hash: '', time: 0 as EpochSeconds };
  const view = viewOf(fold, { contract, chainId: 1, head, final: head.number });

  const decisions = Number(decisionCount);
  const size = 1 << 14;
  const asked = Array.from({ length: size }, (_, index) => {
    const n = (index * 7919) % grants;
    const actor: ConsentActor = { organisation: hex(granteeOf(n)) as GranteeKey, roles: [], careTeams: [] };
    const subject = hex(subjectOf(n)) as SubjectKey;
    const purpose = 'TREAT' as PurposeOfUse;
    return {
      subject,
      self: false,
      actor,
      roles: [],
      purpose,
      action: 'read' as const,
      now: 1_800_000_000 as EpochSeconds,
    };
  });
  const resource = { classes: 1 << 6, labels: 0 };
  const ask = (n: number, among = size) => {
    const question = asked[n & (among - 1)];
    return question && decide(view, question, resource, closedPolicy).effect;
  };
  for (let n = 0; n < 200_000; n++) ask(n);
  const rates: number[] = [];
  const permits = { permit: 0, deny: 0, 'no-consent': 0 };
  for (let round = 0; round < 5; round++) {
    const from = performance.now();
    for (let n = 0; n < decisions / 5; n++) {
      const effect = ask(n);
      if (effect) permits[effect]++;
    }
    rates.push(decisions / 5 / ((performance.now() - from) / 1000));
  }
  // The same few patients whatever the others have: this is the cost that must not grow with the number of grants.
  const few: number[] = [];
  for (let round = 0; round < 5; round++) {
    const from = performance.now();
    for (let n = 0; n < decisions / 5; n++) ask(n, 128);
    few.push(decisions / 5 / ((performance.now() - from) / 1000));
  }
  const times = new Float64Array(Math.min(decisions, 200_000));
  for (let n = 0; n < times.length; n++) {
    const from = process.hrtime.bigint();
    ask(n);
    times[n] = Number(process.hrtime.bigint() - from) / 1000;
  }
  times.sort();
  const result = {
    seconds,
    cpuSeconds,
    grants: fold.size,
    perSecond: rates.sort((a, b) => a - b)[2],
    perSecondFew: few.sort((a, b) => a - b)[2],
    p50: times[times.length >> 1],
    p99: times[Math.floor(times.length * 0.99)],
    rssMb: process.memoryUsage.rss() / 1e6,
    permits,
  };
  process.stdout.write(JSON.stringify(result));
}

if (task === 'make') make();
else use();
