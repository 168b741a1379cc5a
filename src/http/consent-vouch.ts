import { conditionBit } from '../domain/consent/bits.ts';
import type { EpochSeconds, GrantId } from '../domain/consent/grant.ts';
import { problem } from '../domain/problem.ts';
import type { OpenLines } from '../ports.ts';
import type { ConsentDesk, ConsentDeskParts } from './consent-desk-parts.ts';
import { changeRecorder, settler } from './consent-record.ts';

/** The second person has so long after the first. */
const waitSeconds = 900;
/** Then the grant may be used for so long. */
const openSeconds = 3600;

const twoPerson = conditionBit('TWO_PERSON');

interface Vouch {
  readonly grant: GrantId;
  readonly user: string;
  /** 0: a second person agreed. */
  readonly until: EpochSeconds;
}

/** Who vouched first and waits for a second person; every gateway of the house knows it. */
export interface FirstVouches {
  /** Of one grant's vouches one comes first: `undefined` when this is it, else the user who did before. */
  vouch(grant: GrantId, user: string, now: EpochSeconds): Promise<string | undefined>;
  close(): Promise<void>;
}

export const openFirstVouches = async (open: OpenLines): Promise<FirstVouches> => {
  const waiting = new Map<GrantId, Vouch>();
  const lines = await open('vouches.ndjson', (line) => {
    const vouch = JSON.parse(line) as Vouch;
    if (vouch.until === 0) waiting.delete(vouch.grant);
    else waiting.set(vouch.grant, vouch);
  });
  return {
    async vouch(grant, user, now) {
      let before: string | undefined;
      await lines.write(() => {
        const first = waiting.get(grant);
        const second = first !== undefined && first.until > now && first.user !== user;
        before = second ? first.user : undefined;
        return JSON.stringify({ grant, user, until: (second ? 0 : now + waitSeconds) as EpochSeconds } satisfies Vouch);
      });
      return before;
    },
    close: () => lines.close(),
  };
};

/**
 * TWO_PERSON: two different people vouch within a quarter of an hour, and the condition is attested for an hour. Whoever of
 * them then reads, another has agreed.
 */
export const twoPersons = (parts: ConsentDeskParts): ConsentDesk['vouch'] => {
  const { registry, relay, keys, book, clock } = parts;
  const record = changeRecorder(parts);
  const settle = settler(parts.waitMs);
  return async (caller, patient, id) => {
    const subject = keys.subjectOf(patient);
    const grant = registry.grant(id);
    if (subject === undefined || grant?.subject !== subject || (grant.conditions & twoPerson) === 0) {
      return problem('not-found');
    }
    if (relay === undefined) return problem('relay-unavailable');
    const now = Math.floor(clock.now() / 1000) as EpochSeconds;
    const user = JSON.stringify([caller.issuer, caller.user]);
    await record(caller, patient, 'vouched', [id]);
    await book.note(patient, { what: 'vouched', at: clock.now(), by: caller.user, grant: id });
    const before = await parts.vouches.vouch(id, user, now);
    if (before === undefined) return { state: 'waiting', until: (now + waitSeconds) as EpochSeconds };
    const until = (now + openSeconds) as EpochSeconds;
    const salt = keys.saltOf(patient, `two-person:${id}:${until}`) ?? parts.random.bytes(32);
    const commitment = parts.commit(salt, JSON.stringify([before, user].toSorted()));
    const ticket = await relay.attest({ grant: id, condition: 'TWO_PERSON', until, commitment });
    return { state: 'open', until, settled: await settle(ticket) };
  };
};
