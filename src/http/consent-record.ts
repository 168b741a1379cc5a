import type { GrantId } from '../domain/consent/grant.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import type { ConsentDeskParts, ConsentNote, DeskCaller, Settled, Ticket } from './consent-desk-parts.ts';

/** A consent change is an event of the patient's record like any access. */
export const changeRecorder =
  ({ registry, ledger, clock }: Pick<ConsentDeskParts, 'registry' | 'ledger' | 'clock'>) =>
  async (caller: DeskCaller, patient: PatientId, what: ConsentNote['what'], ids: readonly GrantId[]): Promise<void> => {
    const head = registry.view()?.head;
    const entry: LedgerEntry = {
      kind: 'consent',
      at: clock.now(),
      requestId: caller.requestId,
      decision: 'permit',
      actor: { user: caller.user, issuer: caller.issuer, client: caller.client, roles: [] },
      patients: [patient],
      resources: ids.map((id) => `Consent/${id.slice(2)}`),
      outcome: { status: 200, returned: 0, withheld: 0, masked: 0 },
      story: [{ stage: 'consent', rule: `consent:${what}`, text: `Consent ${what}.` }],
      height: head?.number ?? 0,
    };
    await ledger.append(entry);
  };

/** Waits for the chain, though not for long: what is late is on its way. */
export const settler =
  (waitMs: number) =>
  async (ticket: Ticket): Promise<Settled> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), waitMs);
    });
    const outcome = await Promise.race([ticket.settled, late]);
    clearTimeout(timer);
    if (outcome === undefined) return { state: 'on-its-way' };
    if (!outcome.ok) return { state: 'refused', reason: outcome.reason };
    return outcome.block === undefined ? { state: 'on-chain' } : { state: 'on-chain', block: outcome.block };
  };
