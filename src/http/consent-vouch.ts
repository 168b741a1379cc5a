import { conditionBit } from '../domain/consent/bits.ts';
import type { EpochSeconds, GrantId } from '../domain/consent/grant.ts';
import { problem } from '../domain/problem.ts';
import type { ConsentDesk, ConsentDeskParts } from './consent-desk-parts.ts';
import { changeRecorder, settler } from './consent-record.ts';

/** The second person has so long after the first. */
const waitSeconds = 900;
/** Then the grant may be used for so long. */
const openSeconds = 3600;

const twoPerson = conditionBit('TWO_PERSON');

/**
 * TWO_PERSON: two different people vouch within a quarter of an hour, and the condition is attested for an hour. Whoever of
 * them then reads, another has agreed. A first vouching is kept in memory alone: after a restart it is asked again.
 */
export const twoPersons = (parts: ConsentDeskParts): ConsentDesk['vouch'] => {
  const { registry, relay, keys, book, clock } = parts;
  const first = new Map<GrantId, { readonly user: string; readonly until: EpochSeconds }>();
  const record = changeRecorder(parts);
  const settle = settler(parts.waitMs);
  return async (caller, patient, id) => {
    const subject = keys.subjectOf(patient);
    const grant = registry.grant(id);
    if (subject === undefined || grant?.subject !== subject || (grant.conditions & twoPerson) === 0) {
      return problem('not-found');
    }
    if (relay === undefined) return problem('relay-unavailable');
    const now = Math.floor(clock.now() / 1000);
    const user = JSON.stringify([caller.issuer, caller.user]);
    await record(caller, patient, 'vouched', [id]);
    await book.note(patient, { what: 'vouched', at: clock.now(), by: caller.user, grant: id });
    const before = first.get(id);
    if (before === undefined || before.until <= now || before.user === user) {
      for (const [other, { until }] of first) if (until <= now) first.delete(other);
      const until = (now + waitSeconds) as EpochSeconds;
      first.set(id, { user, until });
      return { state: 'waiting', until };
    }
    first.delete(id);
    const until = (now + openSeconds) as EpochSeconds;
    const salt = keys.saltOf(patient, `two-person:${id}:${until}`) ?? parts.random.bytes(32);
    const commitment = parts.commit(salt, JSON.stringify([before.user, user].toSorted()));
    const ticket = await relay.attest({ grant: id, condition: 'TWO_PERSON', until, commitment });
    return { state: 'open', until, settled: await settle(ticket) };
  };
};
