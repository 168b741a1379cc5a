import type { Bundle, Concept, Resource } from './fhir.ts';

/** One access to the record, as its AuditEvent tells it. */
export interface Access {
  readonly id: string;
  readonly at: number;
  /** A reference, or the name of the account when there is none. */
  readonly who: string;
  readonly role: string | undefined;
  readonly client: string | undefined;
  readonly purpose: string | undefined;
  readonly kind: 'looked' | 'changed' | 'refused' | 'emergency';
  readonly self: boolean;
  /** Types of what was seen; empty when the entry does not say. */
  readonly types: readonly string[];
  readonly hidden: number;
  /** What of it, as the house's policies call it; empty when that is not known any more. */
  readonly hiddenWhat: readonly string[];
  readonly allowedByYou: boolean;
}

interface AuditEvent extends Resource {
  readonly recorded?: string;
  /** 0 is success. */
  readonly outcome?: string;
  readonly purposeOfEvent?: readonly Concept[];
  readonly source?: { readonly observer?: { readonly identifier?: { readonly value?: string } } };
  readonly agent?: readonly {
    readonly requestor?: boolean;
    readonly role?: readonly Concept[];
    readonly type?: Concept;
    readonly who?: { readonly reference?: string; readonly identifier?: { readonly value?: string } };
  }[];
  readonly entity?: readonly {
    readonly type?: { readonly code?: string };
    readonly what?: { readonly reference?: string };
    readonly query?: string;
    readonly detail?: readonly { readonly type?: string; readonly valueString?: string }[];
  }[];
}

/** DICOM: application, destination, source. One of them is the program through which somebody looked, another this gateway. */
const programs: readonly (string | undefined)[] = ['110150', '110152', '110153'];

export function accessesOf(bundle: Bundle, patient: string): readonly Access[] {
  return (bundle.entry ?? []).flatMap(({ resource }) => {
    const event = resource as AuditEvent | undefined;
    const at = Date.parse(event?.recorded ?? '');
    return event === undefined || Number.isNaN(at) ? [] : [accessOf(event, at, patient)];
  });
}

function accessOf(event: AuditEvent, at: number, patient: string): Access {
  const asker = event.agent?.find(({ requestor }) => requestor === true);
  const gateway = event.source?.observer?.identifier?.value;
  const program = event.agent?.find(
    ({ type, who }) =>
      who?.identifier?.value !== gateway && type?.coding?.some(({ code }) => programs.includes(code)) === true,
  );
  const details = new Map(
    (event.entity ?? []).flatMap(({ detail }) => (detail ?? []).map(({ type, valueString }) => [type, valueString])),
  );
  // What was seen is named with its version; of a refused search the entry knows what was asked for.
  const seen = (event.entity ?? []).flatMap(({ what }) =>
    what?.reference?.includes('/_history/') === true ? [what.reference] : [],
  );
  const asked = (event.entity ?? []).flatMap(({ query }) => decoded(query));
  const types = (seen.length > 0 ? seen : asked).flatMap((text) => text.split(/[/?]/)[0] || []);
  const kind = details.get('kind');
  return {
    id: event.id ?? '',
    at,
    who: asker?.who?.reference ?? asker?.who?.identifier?.value ?? '',
    role: asker?.role?.[0]?.text,
    client: program?.who?.identifier?.value,
    purpose: event.purposeOfEvent?.[0]?.coding?.[0]?.code,
    kind:
      event.outcome !== '0'
        ? 'refused'
        : kind === 'break-glass'
          ? 'emergency'
          : kind === 'write'
            ? 'changed'
            : 'looked',
    self: asker?.who?.reference === `Patient/${patient}`,
    types: [...new Set(types)],
    hidden: Number(details.get('masked') ?? 0) || 0,
    hiddenWhat: (event.entity ?? []).flatMap(({ detail }) =>
      (detail ?? []).flatMap(({ type, valueString }) => (type === 'hidden' && valueString ? valueString : [])),
    ),
    allowedByYou: details.get('consent-basis') === 'grant',
  };
}

/** BALP keeps a query in base64. */
function decoded(query: string | undefined): readonly string[] {
  if (query === undefined) return [];
  try {
    return [atob(query)];
  } catch {
    return [];
  }
}

export interface Day {
  readonly day: string;
  readonly at: number;
  readonly people: readonly {
    readonly who: string;
    readonly role: string | undefined;
    readonly accesses: readonly Access[];
  }[];
}

/** By day as the reader's clock has it, newest first, and by person within it. */
export function byDayAndPerson(accesses: readonly Access[]): readonly Day[] {
  const days = new Map<string, Map<string, Access[]>>();
  for (const access of accesses) {
    const date = new Date(access.at);
    const day = `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
    const people = days.get(day) ?? new Map<string, Access[]>();
    days.set(day, people);
    people.set(access.who, [...(people.get(access.who) ?? []), access]);
  }
  return [...days].map(([day, people]) => ({
    day,
    at: [...people.values()][0]?.[0]?.at ?? 0,
    people: [...people].map(([who, own]) => ({ who, role: own[0]?.role, accesses: own })),
  }));
}
