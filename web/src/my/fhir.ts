/** As much of FHIR R4 as the patient pages read; everything may be missing. */
export interface Coding {
  readonly code?: string;
  readonly display?: string;
}

export interface Concept {
  readonly text?: string;
  readonly coding?: readonly Coding[];
}

export interface HumanName {
  readonly text?: string;
  readonly family?: string;
  readonly given?: readonly string[];
  readonly prefix?: readonly string[];
}

export interface Resource {
  readonly resourceType: string;
  readonly id?: string;
  readonly [member: string]: unknown;
}

export interface Bundle<T extends Resource = Resource> {
  readonly entry?: readonly {
    readonly fullUrl?: string;
    readonly resource?: T;
    readonly extension?: readonly { readonly url?: string; readonly valueCode?: string }[];
    readonly search?: { readonly mode?: string };
  }[];
  readonly link?: readonly { readonly relation?: string; readonly url?: string }[];
}

export const conceptText = (concept: Concept | undefined): string | undefined =>
  concept?.text ?? concept?.coding?.find(({ display }) => display !== undefined)?.display ?? concept?.coding?.[0]?.code;

export const personName = (names: readonly HumanName[] | undefined): string | undefined => {
  const [name] = names ?? [];
  if (name === undefined) return undefined;
  return (
    name.text ??
    ([...(name.prefix ?? []), ...(name.given?.slice(0, 1) ?? []), name.family].filter(Boolean).join(' ') || undefined)
  );
};

/** Links lead through the gateway; only what lies below its own `/fhir/` is followed. */
export const nextPath = ({ link }: Bundle): `/fhir/${string}` | undefined => {
  const next = link?.find(({ relation }) => relation === 'next')?.url;
  if (next === undefined) return undefined;
  const { pathname, search } = new URL(next, location.origin);
  return pathname.startsWith('/fhir/') ? (`${pathname}${search}` as `/fhir/${string}`) : undefined;
};
