import { hash as digest } from 'node:crypto';
import { id } from 'ethers';
import type { EpochSeconds, GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import { granteeKinds } from '../../domain/consent/grant.ts';
import { nameAt, namesLength } from '../../domain/consent/grant-table.ts';
import { conditionAt, type RegistryEvent } from '../../domain/consent/replica.ts';
import type { GrantScope } from '../../domain/consent/typed-data.ts';
import { RpcError } from './rpc.ts';

/** A log as `eth_getLogs` gives it, as far as it is used. */
export interface RawLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly logIndex: string;
  readonly transactionHash: string;
  readonly removed?: boolean;
}

/**
 * The bytes that the contract folds for a log: its topics and data. This is what is hashed, kept on disk and decoded, so
 * there is one representation that the accumulator vouches for.
 */
export function recordOf(log: RawLog): Buffer {
  return Buffer.from(log.topics.map((topic) => topic.slice(2)).join('') + log.data.slice(2), 'hex');
}

export const eventTopics = {
  granted: id('Granted(bytes32,bytes32,bytes32,uint256,bytes32)'),
  narrowed: id('Narrowed(bytes32,bytes32,uint256)'),
  revoked: id('Revoked(bytes32,bytes32)'),
  attested: id('Attested(bytes32,uint8,address,uint40,bytes32)'),
  withdrawn: id('AttestationWithdrawn(bytes32,uint8)'),
  bound: id('Bound(bytes32,address)'),
  delegated: id('Delegated(bytes32,address,uint8,uint40)'),
  attesterSet: id('AttesterSet(address,uint8)'),
} as const;

/** Only these are folded; the contract has others (pause, authority) that say nothing about consent. */
export const foldedTopics: readonly string[] = Object.values(eventTopics);

/** The first 32 bits tell the eight topics apart; the accumulator vouches for the rest. */
const firstWord = (topic: string): number => Number.parseInt(topic.slice(2, 10), 16);

const decoders = new Map<number, (record: Buffer, block: number) => RegistryEvent>([
  [firstWord(eventTopics.granted), granted],
  [firstWord(eventTopics.narrowed), narrowed],
  [firstWord(eventTopics.revoked), revoked],
  [firstWord(eventTopics.attested), attested],
  [firstWord(eventTopics.withdrawn), withdrawn],
  [
    firstWord(eventTopics.bound),
    (r, block) => ({ type: 'bound', block, subject: word(r, 1) as SubjectKey, controller: address(r, 2) }),
  ],
  [firstWord(eventTopics.delegated), delegated],
  [firstWord(eventTopics.attesterSet), (_, block) => ({ type: 'other', block })],
]);

export function decodeRecord(record: Buffer, block: number): RegistryEvent {
  const decoder = record.length < 32 || record.length % 32 !== 0 ? undefined : decoders.get(record.readUInt32BE(0));
  if (!decoder) throw new RpcError('The endpoint sent an event that the registry has not.');
  return decoder(record, block);
}

export function initialAccumulator(chainId: number, contract: string): Buffer {
  const chain = chainId.toString(16).padStart(64, '0');
  const address = contract.slice(2).padStart(64, '0');
  return digest('sha256', Buffer.from(chain + address, 'hex'), 'buffer');
}

const scratch = Buffer.alloc(4096);
/** What most records are: a grant, after the accumulator. */
const scratchOfGrant = scratch.subarray(0, 7 * 32);
const names = new Uint32Array(namesLength);

export function foldRecord(accumulator: Buffer, record: Buffer): Buffer {
  const length = 32 + record.length;
  const input = length <= scratch.length ? scratch : Buffer.alloc(length);
  accumulator.copy(input, 0);
  record.copy(input, 32);
  return digest('sha256', length === scratchOfGrant.length ? scratchOfGrant : input.subarray(0, length), 'buffer');
}

const text = Buffer.from(`0x${'0'.repeat(64)}`, 'latin1');

/** One flat string: a slice or a concatenation would keep its parents alive a million times over. */
function word(record: Buffer, index: number): string {
  text.write(record.toString('hex', index * 32, index * 32 + 32), 2, 'latin1');
  return text.toString('latin1', 0, 66);
}

function address(record: Buffer, index: number): string {
  text.write(record.toString('hex', index * 32 + 12, index * 32 + 32), 2, 'latin1');
  return text.toString('latin1', 0, 42);
}

/** GrantWord.sol, read from its most significant byte. */
function scopeAt(record: Buffer, index: number): GrantScope {
  const at = index * 32;
  const time = (offset: number) => record.readUIntBE(at + offset, 5) as EpochSeconds;
  return {
    dataUntil: time(0),
    dataFrom: time(5),
    until: time(10),
    from: time(15),
    conditions: record.readUInt8(at + 21),
    labels: record.readUInt16BE(at + 22),
    classes: record.readUInt32BE(at + 24),
    purposes: record.readUInt16BE(at + 28),
    actions: record.readUInt8(at + 30),
  };
}

/** The names of a grant as words; the array is used again for the next event. */
function namesOf(record: Buffer): Uint32Array {
  wordsAt(record, 1, nameAt.id);
  wordsAt(record, 2, nameAt.subject);
  wordsAt(record, 3, nameAt.grantee);
  wordsAt(record, 5, nameAt.terms);
  return names;
}

/** Bytes put together by hand: a million events make 32 million words. */
function wordsAt(record: Buffer, index: number, to: number): void {
  for (let n = 0, at = index * 32; n < 8; n++, at += 4) {
    names[to + n] =
      ((record[at] ?? 0) << 24) | ((record[at + 1] ?? 0) << 16) | ((record[at + 2] ?? 0) << 8) | (record[at + 3] ?? 0);
  }
}

function granted(record: Buffer, block: number): RegistryEvent {
  if (record.length !== 6 * 32) throw new RpcError('The endpoint sent a grant of another length.');
  const head = record.readUInt8(4 * 32 + 31);
  const granteeKind = granteeKinds[(head >> 3) & 7];
  if (!granteeKind) throw new RpcError('The endpoint sent a grant to an unknown kind of grantee.');
  return {
    type: 'granted',
    block,
    grant: {
      granteeKind,
      effect: (head & 4) === 0 ? 'permit' : 'deny',
      ...scopeAt(record, 4),
      block,
    },
    names: namesOf(record),
  };
}

function narrowed(record: Buffer, block: number): RegistryEvent {
  return { type: 'narrowed', block, id: word(record, 1) as GrantId, scope: scopeAt(record, 3) };
}

function revoked(record: Buffer, block: number): RegistryEvent {
  return { type: 'revoked', block, id: word(record, 1) as GrantId, subject: word(record, 2) as SubjectKey };
}

function attested(record: Buffer, block: number): RegistryEvent {
  const condition = conditionAt(record.readUInt8(2 * 32 + 31));
  if (!condition) return { type: 'other', block };
  const until = record.readUIntBE(4 * 32 + 27, 5) as EpochSeconds;
  return { type: 'attested', block, attestation: { grant: word(record, 1) as GrantId, condition, until } };
}

function withdrawn(record: Buffer, block: number): RegistryEvent {
  const condition = conditionAt(record.readUInt8(2 * 32 + 31));
  return condition ? { type: 'withdrawn', block, id: word(record, 1) as GrantId, condition } : { type: 'other', block };
}

function delegated(record: Buffer, block: number): RegistryEvent {
  return {
    type: 'delegated',
    block,
    subject: word(record, 1) as SubjectKey,
    delegate: address(record, 2),
    rights: record.readUInt8(3 * 32 + 31),
    until: record.readUIntBE(4 * 32 + 27, 5) as EpochSeconds,
  };
}
