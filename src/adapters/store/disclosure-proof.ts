import type { PatientId } from '../../domain/fhir/interaction.ts';
import { disclosureEventOf, disclosureKinds, disclosureOf } from '../../domain/ledger/accounting.ts';
import type { AuditEvent, AuditSource } from '../../domain/ledger/audit-event.ts';
import { type GroupName, type Opening, openGroup } from '../../domain/ledger/commitment.ts';
import { proofExtension } from '../../domain/ledger/copy.ts';
import { parseProof } from '../../domain/ledger/proof.ts';
import { formatProofFile } from '../../domain/ledger/receipt.ts';
import type { AccountingQuery } from './audit-forward.ts';
import type { FilesLedger } from './files-ledger.ts';
import { nodeHashing } from './node-hash.ts';

/** What a patient may show of an entry: not how risky the call seemed, and of a call that touched others, who called alone. */
const whole: readonly GroupName[] = ['actor', 'resource', 'purpose', 'outcome'];
const shared: readonly GroupName[] = ['actor'];

/** A file that shows anybody that this access to this patient's record is in the ledger; `undefined` when it is none of theirs. */
export async function disclosureProof(
  ledger: Pick<FilesLedger, 'open' | 'receiptProof'>,
  index: number,
  patient: PatientId,
): Promise<string | undefined> {
  const opened = await ledger.open(index);
  if (opened === undefined || disclosureOf(opened.entry, index, patient) === undefined) return undefined;
  const shown = opened.entry.patients.length === 1 ? whole : shared;
  const openings = [...opened.groups, ...opened.subjects].flatMap((group, at): Opening[] =>
    group !== undefined && (shown.includes(group.name) || (group.name === 'subject' && isOf(group.text, patient)))
      ? [openGroup(nodeHashing, group, at, opened.hashes)]
      : [],
  );
  const proof = parseProof(await ledger.receiptProof(index));
  return (
    proof &&
    formatProofFile({
      index: proof.index,
      leaf: opened.leaf,
      openings,
      path: proof.path,
      checkpoint: proof.checkpoint,
    })
  );
}

/** An accounting with a proof of each entry in it, in the form of the copy that `verify --proof` checks. */
export async function disclosureProofs(
  ledger: FilesLedger,
  source: AuditSource,
  patient: PatientId,
  query: AccountingQuery,
): Promise<{ readonly bundle: object; readonly next: number | undefined }> {
  const indexes = await ledger.query({ ...query, patient, kinds: disclosureKinds });
  const events: AuditEvent[] = [];
  const proofs: string[] = [];
  for (const index of indexes) {
    const opened = await ledger.open(index);
    const event = opened && disclosureEventOf(opened.entry, index, patient, source);
    const proof = event && (await disclosureProof(ledger, index, patient));
    if (event === undefined || proof === undefined) continue;
    events.push(event);
    proofs.push(proof);
  }
  return {
    bundle: {
      resourceType: 'Bundle',
      type: 'collection',
      meta: { extension: proofs.map((valueString) => ({ url: proofExtension, valueString })) },
      entry: events.map((resource) => ({ resource })),
    },
    next: indexes.length < query.limit ? undefined : indexes.at(-1),
  };
}

/** As it is written when it is sealed. */
const isOf = (text: string, patient: PatientId): boolean => text === JSON.stringify({ patient });
