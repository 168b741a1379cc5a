import type { AccessEvent, ContextFact } from '../event.ts';

/** What a house's log or records may not tell. */
export const gaps = [
  'shifts',
  'people',
  'departments',
  'roles',
  'places',
  'queries',
  'recorded',
  'relations',
  'all',
] as const;
export type Gap = (typeof gaps)[number];

/** The same event as a house with these gaps would have logged it. */
export const withheldEvent = (event: AccessEvent, missing: ReadonlySet<Gap>): AccessEvent => {
  if (missing.size === 0) return event;
  const told: Record<string, unknown> = { ...event };
  const leave = (...names: readonly (keyof AccessEvent)[]): void => {
    for (const name of names) delete told[name];
  };
  if (missing.has('departments')) leave('department');
  if (missing.has('roles')) leave('role', 'purpose');
  if (missing.has('places')) leave('ip', 'device', 'agent', 'client');
  if (missing.has('queries')) leave('query', 'results');
  return told;
};

/** `undefined` where a house with these gaps records nothing. */
export const withheldFact = (fact: ContextFact, missing: ReadonlySet<Gap>): ContextFact | undefined => {
  if (missing.size === 0) return fact;
  const told: Record<string, unknown> = { ...fact };
  switch (fact.kind) {
    case 'shift':
      return missing.has('shifts') || missing.has('all') ? undefined : fact;
    case 'patient':
      return missing.has('people') || missing.has('all') ? undefined : fact;
    case 'staff':
      if (missing.has('all') || (missing.has('people') && missing.has('roles'))) return undefined;
      if (missing.has('people')) for (const name of ['surname', 'address', 'zip4', 'patientId']) delete told[name];
      if (missing.has('roles')) delete told.role;
      if (missing.has('departments')) delete told.department;
      return told as unknown as ContextFact;
    case 'client':
      return fact;
    default:
      if (missing.has('all') || (missing.has('relations') && fact.kind !== 'encounter')) return undefined;
      if (missing.has('recorded')) for (const name of ['recordedAt', 'recordedBy']) delete told[name];
      if (missing.has('departments')) delete told.department;
      return told as unknown as ContextFact;
  }
};
