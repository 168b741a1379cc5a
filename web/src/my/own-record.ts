import type { IntegrityState } from '../../../src/domain/ledger/record-integrity.ts';
import { call } from '../api.ts';
import { type Bundle, type Concept, conceptText, type HumanName, nextPath, personName, type Resource } from './fhir.ts';

export interface Item {
  readonly id: string;
  readonly type: string;
  readonly title: string | undefined;
  readonly value: string | undefined;
  readonly at: number | undefined;
  readonly integrity: IntegrityState | undefined;
}

export interface OwnRecord {
  readonly items: readonly Item[];
  /** As they came, with what is known of their integrity, for the download. */
  readonly entries: readonly object[];
  /** Of each page: the number of the ledger entry that holds that it was read. */
  readonly receipts: readonly string[];
}

const integrityExtension = 'urn:consentry:record-integrity';
const MOST_PAGES = 50;

/** The whole record through the gateway, page by page, as any reader gets it. */
export async function readOwnRecord(patient: string): Promise<OwnRecord> {
  const items: Item[] = [];
  const entries: object[] = [];
  const receipts: string[] = [];
  let path: `/fhir/${string}` | undefined = `/fhir/Patient/${patient}/$everything?_count=200`;
  for (let page = 0; path !== undefined && page < MOST_PAGES; page++) {
    const { body, headers }: { body: Bundle; headers: Headers } = await call<Bundle>(path);
    const receipt = headers.get('x-ledger-receipt');
    if (receipt !== null) receipts.push(/;entry=(\d+)/.exec(receipt)?.[1] ?? receipt.split(';')[0] ?? '');
    for (const { resource, extension } of body.entry ?? []) {
      if (resource === undefined) continue;
      entries.push({ ...(extension === undefined ? {} : { extension }), resource });
      const integrity = extension?.find(({ url }) => url === integrityExtension)?.valueCode;
      items.push({ ...itemOf(resource), integrity: integrity as IntegrityState | undefined });
    }
    path = nextPath(body);
  }
  return { items, entries, receipts };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Where each type has its date, in the order in which it is looked for. */
const dates = [
  'effectiveDateTime',
  'onsetDateTime',
  'performedDateTime',
  'occurrenceDateTime',
  'authoredOn',
  'started',
  'start',
  'date',
  'recordedDate',
  'issued',
  'created',
] as const;

function itemOf(resource: Resource): Omit<Item, 'integrity'> {
  const member = (name: string): unknown => resource[name];
  const concept = (name: string): string | undefined => {
    const value = member(name);
    return conceptText((Array.isArray(value) ? value[0] : value) as Concept | undefined);
  };
  const name = member('name');
  const period = (member('period') ?? member('effectivePeriod') ?? member('performedPeriod')) as
    | { readonly start?: string }
    | undefined;
  const at = Date.parse(
    dates.map((each) => text(member(each))).find((each) => each !== undefined) ?? period?.start ?? '',
  );
  return {
    id: `${resource.resourceType}/${resource.id ?? ''}`,
    type: resource.resourceType,
    title:
      (Array.isArray(name) ? personName(name as readonly HumanName[]) : text(name)) ??
      concept('code') ??
      concept('medicationCodeableConcept') ??
      concept('vaccineCode') ??
      concept('type') ??
      concept('serviceType') ??
      concept('category') ??
      text(member('title')) ??
      text(member('description')),
    value: shownValue(resource),
    at: Number.isNaN(at) ? undefined : at,
  };
}

interface Quantity {
  readonly value?: number;
  readonly unit?: string;
  readonly code?: string;
}

function shownValue(resource: Resource): string | undefined {
  const quantity = (value: unknown): string | undefined => {
    const { value: number, unit, code } = (value ?? {}) as Quantity;
    return number === undefined ? undefined : `${number} ${unit ?? code ?? ''}`.trim();
  };
  const components = resource['component'];
  if (Array.isArray(components))
    return components
      .flatMap((each: { readonly code?: Concept; readonly valueQuantity?: Quantity }) => {
        const shown = quantity(each.valueQuantity);
        return shown === undefined ? [] : [`${conceptText(each.code) ?? ''} ${shown}`.trim()];
      })
      .join(', ');
  return (
    quantity(resource['valueQuantity']) ??
    conceptText(resource['valueCodeableConcept'] as Concept | undefined) ??
    text(resource['valueString']) ??
    text(resource['birthDate']) ??
    text(resource['conclusion']) ??
    undefined
  );
}
