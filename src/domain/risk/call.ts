import type { AccessEvent } from './event.ts';

/** An access event read with suspicion: every field is what its name says, or absent. */
export interface Call {
  readonly user: string;
  readonly role: string;
  readonly department: string | undefined;
  /** The registered application, and together with the program's name what is new or known of it. */
  readonly application: string | undefined;
  readonly client: string | undefined;
  readonly network: string | undefined;
  readonly device: string | undefined;
  readonly purpose: string;
  readonly interaction: string;
  readonly type: string;
  /** The one patient whose record is opened. */
  readonly patient: string | undefined;
  /** Patients that the answer or the call names, when there is not just one; at most `listed` of them. */
  readonly others: readonly string[];
  readonly othersTotal: number;
  readonly results: number;
  readonly nameSearch: boolean;
  readonly broad: boolean;
  readonly takesOut: boolean;
  readonly denied: boolean;
  readonly breakGlass: boolean;
  readonly reasonGiven: boolean;
  /** A patient's call that names no other patient. */
  readonly own: boolean;
  readonly write: boolean;
}

export const LISTED = 48;

const text = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value === '' ? undefined : value.slice(0, 128);
  return typeof value === 'number' ? String(value) : undefined;
};

const personal = new Set([
  'name',
  'family',
  'given',
  'identifier',
  'phone',
  'phonetic',
  'email',
  'telecom',
  'address',
  'address-postalcode',
  'address-city',
  'birthdate',
  'ssn',
  'mrn',
]);

/** Parameters that narrow a search to a patient, or to somebody's or some place's work list. */
const narrowing = new Set([
  'patient',
  'subject',
  'beneficiary',
  'individual',
  '_id',
  'encounter',
  'practitioner',
  'performer',
  'participant',
  'actor',
  'attender',
  'requester',
  'owner',
  'general-practitioner',
  'location',
  'department',
  'service-provider',
  'organization',
  'careteam',
  'based-on',
]);

/** Private networks are wide and shared: their first half says enough. Others: /24, and /64 for IPv6. */
export const networkOf = (ip: unknown): string | undefined => {
  if (typeof ip !== 'string' || ip === '' || ip.length > 64) return undefined;
  if (ip.includes(':')) return ip.split(':', 4).join(':');
  const first = ip.indexOf('.');
  const second = ip.indexOf('.', first + 1);
  const a = first < 0 ? ip : ip.slice(0, first);
  const b = ip.slice(first + 1, second < 0 ? undefined : second);
  const inner = a === '10' || (a === '192' && b === '168') || (a === '172' && Number(b) >= 16 && Number(b) <= 31);
  const end = inner || second < 0 ? second : ip.indexOf('.', second + 1);
  return end < 0 ? ip : ip.slice(0, end);
};

const baseOf = (parameter: string): string => {
  const end = parameter.search(/[:.]/);
  return (end < 0 ? parameter : parameter.slice(0, end)).toLowerCase();
};

const automatedRole =
  /(?:^|[^a-z])(?:svc|services?[^a-z]*(?:accounts?|clients?|users?)|systems?|backend|interfaces?|integrations?|batch|robots?|bots?|daemon|scheduler)(?![a-z])/i;
/** A service in the name of what people do (patient services, social service) makes no program; alone it does. */
const bareService = /^[^a-z]*services?[^a-z]*$/i;
const people =
  /(?:^|[^a-z])(?:rep|representative|analyst|engineer|administrator|admin|manager|specialist|coordinator|clerk|nurse|physician|desk)(?![a-z])/i;

/** A role that a program has, by its name. */
export const isAutomatedRole = (role: string): boolean =>
  (automatedRole.test(role) && !people.test(role)) || bareService.test(role);

const absent: readonly string[] = [];

export const callOf = (event: AccessEvent): Call => {
  const interaction = text(event.interaction) ?? 'read';
  const type = text(event.type) ?? '';
  const named = text(event.patient);
  const list: readonly unknown[] = Array.isArray(event.patients) ? event.patients : absent;
  const only = named === undefined && list.length === 1 ? text(list[0]) : undefined;
  const patient = named ?? only;
  const others: string[] = [];
  if (patient === undefined || interaction === 'export') {
    for (let index = 0; index < list.length && others.length < LISTED; index++) {
      const id = text(list[index]);
      if (id !== undefined && id !== patient) others.push(id);
    }
  }
  let nameSearch = false;
  let narrowed = patient !== undefined && named !== undefined;
  if (Array.isArray(event.query)) {
    for (const parameter of event.query.slice(0, 64)) {
      if (typeof parameter !== 'string') continue;
      const base = baseOf(parameter);
      if (personal.has(base)) nameSearch = true;
      else if (narrowing.has(base)) narrowed = true;
    }
  }
  const results = typeof event.results === 'number' && event.results >= 0 ? Math.min(event.results, 1e9) : undefined;
  const search = interaction === 'search';
  const status = typeof event.status === 'number' ? event.status : 200;
  const reason = text(event.reason);
  const agent = text(event.agent);
  const client = text(event.client);
  return {
    user: text(event.user) ?? '',
    role: text(event.role) ?? '',
    department: text(event.department),
    application: client,
    client:
      client === undefined && agent === undefined
        ? undefined
        : `${client ?? ''} ${(agent ?? '').replace(/[\d.]+/g, '')}`,
    network: networkOf(event.ip),
    device: text(event.device),
    purpose: text(event.purpose) ?? '',
    interaction,
    type,
    patient,
    others,
    othersTotal: patient === undefined || interaction === 'export' ? list.length : 0,
    results: results ?? Math.max(1, list.length),
    nameSearch: search && nameSearch && !narrowed,
    broad: search && !nameSearch && !narrowed && patient === undefined,
    takesOut: interaction === 'export',
    denied: status === 401 || status === 403,
    breakGlass: event.breakGlass === true,
    reasonGiven: reason !== undefined && reason.trim().length >= 8,
    own: event.own === true,
    write: interaction === 'create' || interaction === 'update' || interaction === 'delete',
  };
};
