/** What the rules read of FHIR traffic: a line of it, without free text. Times are milliseconds since 1970. */
export interface Dispense {
  readonly kind: 'dispense';
  /** `MedicationDispense/id`, the evidence. */
  readonly reference: string;
  readonly patient: string;
  readonly prescriber?: string;
  readonly pharmacy?: string;
  readonly code?: string;
  readonly opioid: boolean;
  readonly daysSupply?: number;
  /** Morphine milligram equivalents a day. */
  readonly mmePerDay?: number;
  readonly at: number;
}

export interface Claim {
  readonly kind: 'claim';
  readonly reference: string;
  readonly patient: string;
  readonly provider?: string;
  readonly encounters: readonly string[];
  readonly items: readonly { readonly code: string; readonly minutes?: number }[];
  readonly at: number;
  readonly total?: string;
}

export interface Visit {
  readonly kind: 'visit';
  readonly reference: string;
  readonly patient: string;
  readonly start: number;
  readonly end: number;
}

export type Fact = Dispense | Claim | Visit;

interface Json {
  readonly [name: string]: unknown;
}
const asObject = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const asNumber = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const instantOf = (value: unknown): number | undefined => {
  const at = Date.parse(asText(value) ?? '');
  return Number.isNaN(at) ? undefined : at;
};
const referenceOf = (value: unknown): string | undefined => asText(asObject(value).reference);
const codingOf = (value: unknown): Json => asObject(asList(asObject(value).coding)[0]);

/** CDC 2022 conversion factors by RxNorm ingredient; a drug that is not here is no opioid to these rules. */
export interface OpioidTable {
  /** By RxNorm code of the product: strength of one unit in mg, and factor to morphine. */
  readonly [code: string]: { readonly mg: number; readonly factor: number };
}

/** Minutes a billed service typically takes, by code. */
export interface MinutesTable {
  readonly [code: string]: number;
}

const dispenseOf = (resource: Json, opioids: OpioidTable): Dispense | undefined => {
  const at = instantOf(resource.whenHandedOver ?? resource.whenPrepared);
  const patient = referenceOf(resource.subject);
  const id = asText(resource.id);
  if (at === undefined || patient === undefined || id === undefined) return undefined;
  const code = asText(codingOf(resource.medicationCodeableConcept).code);
  const opioid = code === undefined ? undefined : opioids[code];
  const daysSupply = asNumber(asObject(resource.daysSupply).value);
  const quantity = asNumber(asObject(resource.quantity).value);
  const perDay =
    quantity !== undefined && daysSupply !== undefined && daysSupply > 0 ? quantity / daysSupply : undefined;
  const performers = asList(resource.performer).map((one) => referenceOf(asObject(one).actor));
  const pharmacy =
    performers.find((reference) => reference?.startsWith('Organization/')) ?? referenceOf(resource.location);
  const prescriber =
    performers.find((reference) => reference?.startsWith('Practitioner')) ?? referenceOf(resource.requester);
  return {
    kind: 'dispense',
    reference: `MedicationDispense/${id}`,
    patient,
    opioid: opioid !== undefined,
    at,
    ...(code === undefined ? {} : { code }),
    ...(pharmacy === undefined ? {} : { pharmacy }),
    ...(prescriber === undefined ? {} : { prescriber }),
    ...(daysSupply === undefined ? {} : { daysSupply }),
    ...(opioid === undefined || perDay === undefined ? {} : { mmePerDay: perDay * opioid.mg * opioid.factor }),
  };
};

const claimOf = (resource: Json, minutes: MinutesTable): Claim | undefined => {
  const items = asList(resource.item).map(asObject);
  const at = instantOf(items[0]?.servicedDate ?? asObject(resource.billablePeriod).start ?? resource.created);
  const patient = referenceOf(resource.patient);
  const id = asText(resource.id);
  if (at === undefined || patient === undefined || id === undefined) return undefined;
  const provider = referenceOf(resource.provider);
  const total = asNumber(asObject(resource.total).value);
  return {
    kind: 'claim',
    reference: `Claim/${id}`,
    patient,
    at,
    encounters: items.flatMap((item) => asList(item.encounter).map(referenceOf)).filter((one) => one !== undefined),
    items: items.flatMap((item) => {
      const code = asText(codingOf(item.productOrService).code);
      if (code === undefined) return [];
      const typical = minutes[code];
      return [typical === undefined ? { code } : { code, minutes: typical }];
    }),
    ...(provider === undefined ? {} : { provider }),
    ...(total === undefined ? {} : { total: String(total) }),
  };
};

const visitOf = (resource: Json): Visit | undefined => {
  const period = asObject(resource.period);
  const start = instantOf(period.start);
  const patient = referenceOf(resource.subject);
  const id = asText(resource.id);
  if (start === undefined || patient === undefined || id === undefined) return undefined;
  return { kind: 'visit', reference: `Encounter/${id}`, patient, start, end: instantOf(period.end) ?? start };
};

/** `undefined` for a resource that no rule reads, or that lacks what they need. */
export const factOf = (
  value: unknown,
  tables: { readonly opioids: OpioidTable; readonly minutes: MinutesTable },
): Fact | undefined => {
  const resource = asObject(value);
  switch (resource.resourceType) {
    case 'MedicationDispense':
      return dispenseOf(resource, tables.opioids);
    case 'Claim':
      return claimOf(resource, tables.minutes);
    case 'Encounter':
      return visitOf(resource);
    default:
      return undefined;
  }
};
