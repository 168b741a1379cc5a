import type { ContextFact } from './event.ts';

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : []);
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const reference = (value: unknown): string | undefined =>
  isJson(value) ? text(value.reference)?.replace(/\/_history\/.*$/, '') : undefined;

/** `Patient/1`, or an address ending in it, gives `1`. */
const patientOf = (value: unknown): string | undefined =>
  /(?:^|\/)Patient\/([A-Za-z0-9\-.]{1,64})$/.exec(reference(value) ?? '')?.[1];

/** Who treats, as `Practitioner/1`: the form in which the gateway names its users. */
const staffOf = (values: readonly unknown[]): string[] => {
  const found = new Set<string>();
  for (const value of values) {
    const named = /(?:^|\/)((?:Practitioner|PractitionerRole|CareTeam)\/[A-Za-z0-9\-.]{1,64})$/.exec(
      reference(value) ?? '',
    )?.[1];
    if (named !== undefined) found.add(named);
  }
  return [...found];
};

const optional = <Key extends string>(key: Key, value: string | undefined): { readonly [K in Key]?: string } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: string };

/**
 * What a FHIR resource that passes the gateway says about relations. An organisation is not a department: everybody in a house would
 * then treat everybody, so `serviceProvider` and `managingOrganization` say nothing here; locations and services do.
 */
export const factsOf = (resource: unknown): ContextFact[] => {
  if (!isJson(resource)) return [];
  const period = isJson(resource.period) ? resource.period : {};
  const recordedAt = isJson(resource.meta) ? text(resource.meta.lastUpdated) : undefined;
  const status = text(resource.status);
  const gone = status === 'cancelled' || status === 'entered-in-error' || status === 'revoked' || status === 'noshow';
  const times = (start: unknown, end: unknown): object => ({
    ...optional('start', text(start)),
    ...optional('end', text(end)),
    ...(gone ? optional('cancelledAt', recordedAt ?? text(start)) : {}),
  });
  switch (resource.resourceType) {
    case 'Encounter': {
      const patient = patientOf(resource.subject);
      if (patient === undefined) return [];
      const staff = staffOf(list(resource.participant).flatMap((part) => [part.individual, part.actor]));
      const place =
        list(resource.location).map((part) => reference(part.location))[0] ?? serviceOf(resource.serviceType);
      return [
        {
          kind: 'encounter',
          patient,
          staff,
          ...optional('department', place),
          ...times(period.start, period.end),
        },
      ];
    }
    case 'Appointment': {
      const actors = list(resource.participant).map((part) => part.actor);
      const staff = staffOf(actors);
      const place = actors
        .map(reference)
        .find((actor) => actor !== undefined && /(?:Location|HealthcareService)\//.test(actor));
      return actors
        .map(patientOf)
        .filter((patient) => patient !== undefined)
        .map(
          (patient) =>
            ({
              kind: 'appointment',
              patient,
              staff,
              ...optional('department', place),
              ...times(resource.start, resource.end),
            }) as const,
        );
    }
    case 'CareTeam': {
      const patient = patientOf(resource.subject);
      const staff = staffOf(list(resource.participant).flatMap((part) => [part.member, part.onBehalfOf]));
      const over = status === 'inactive' ? (text(period.end) ?? recordedAt) : text(period.end);
      return patient === undefined ? [] : [{ kind: 'careteam', patient, staff, ...times(period.start, over) }];
    }
    case 'ServiceRequest': {
      const patient = patientOf(resource.subject);
      const performers = Array.isArray(resource.performer) ? resource.performer : [resource.performer];
      const written = text(resource.authoredOn);
      const intended = text(resource.intent);
      if (patient === undefined || intended === 'proposal' || intended === 'option') return [];
      return [
        {
          kind: 'referral',
          patient,
          staff: staffOf([...performers, resource.requester]),
          ...times(written, undefined),
        },
      ];
    }
    case 'MedicationRequest': {
      const patient = patientOf(resource.subject);
      return patient === undefined
        ? []
        : [
            {
              kind: 'order',
              patient,
              staff: staffOf([resource.requester, resource.performer]),
              ...times(resource.authoredOn, undefined),
            },
          ];
    }
    case 'Practitioner': {
      const id = text(resource.id);
      if (id === undefined) return [];
      const home = list(resource.address)[0];
      const street = home === undefined || !Array.isArray(home.line) ? undefined : text(home.line[0]);
      return [
        {
          kind: 'staff',
          id: `Practitioner/${id}`,
          ...optional('surname', text(list(resource.name)[0]?.family)),
          ...optional('address', street === undefined ? undefined : `${street} ${text(home?.city) ?? ''}`),
          ...optional('zip4', text(home?.postalCode)),
        },
      ];
    }
    case 'Patient': {
      const id = text(resource.id);
      if (id === undefined) return [];
      const home = list(resource.address)[0];
      const street = home === undefined || !Array.isArray(home.line) ? undefined : text(home.line[0]);
      const codes = isJson(resource.meta) ? list(resource.meta.security).map((label) => label.code) : [];
      const born = text(resource.birthDate);
      return [
        {
          kind: 'patient',
          id,
          ...optional('surname', text(list(resource.name)[0]?.family)),
          ...optional('address', street === undefined ? undefined : `${street} ${text(home?.city) ?? ''}`),
          ...optional('zip4', home === undefined ? undefined : text(home.postalCode)),
          ...(codes.includes('VIP') || codes.includes('CEL') ? { vip: true } : {}),
          ...(born === undefined ? {} : { birthYear: Number(born.slice(0, 4)) }),
        },
      ];
    }
    case 'PractitionerRole': {
      const who = staffOf([resource.practitioner])[0];
      const place = list(resource.location).map(reference)[0] ?? list(resource.healthcareService).map(reference)[0];
      return who === undefined
        ? []
        : [
            {
              kind: 'staff',
              id: who,
              ...optional('department', place),
              ...optional('from', text(period.start)),
              ...optional('until', text(period.end)),
            },
          ];
    }
    default:
      return [];
  }
};

const serviceOf = (value: unknown): string | undefined => {
  const concept = Array.isArray(value) ? value[0] : value;
  return isJson(concept) ? text(list(concept.coding)[0]?.code) : undefined;
};
