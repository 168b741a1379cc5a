import { underBase } from '../domain/fhir/references.ts';
import { member, stringOf } from '../domain/json/cursor.ts';
import { scan } from '../domain/json/scan.ts';
import type { Tape } from '../domain/json/tape.ts';
import { ownRead } from '../domain/upstream.ts';
import type { Clock, Telemetry, UpstreamReader } from '../ports.ts';

/** Who treats whom, who works where, and who is who: what explains an access, and what makes a care team. */
const factTypes = [
  'Practitioner',
  'PractitionerRole',
  'CareTeam',
  'Encounter',
  'Appointment',
  'ServiceRequest',
  'Patient',
] as const;

const PAGE = 200;

export interface FactsOptions {
  readonly reader: UpstreamReader;
  readonly upstreamBase: string;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly everySeconds: number;
  /** Most pages of one type read at once; what lies beyond is learnt from traffic. */
  readonly maxPages: number;
  readonly learn: (tape: Tape, node: number) => void;
}

export interface Facts {
  /** Relative references of the care teams a person is a member of; the same array while nothing changes. */
  careTeamsOf(fhirUser: string): readonly string[];
  /** Resolves when the first round is done, however it went: facts explain, they never permit by themselves. */
  readonly first: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Reads facts from the FHIR server ahead of the calls that need them: all at start, then what changed. A server that is away or
 * knows no `_lastUpdated` costs explanations, not availability.
 */
export function gatherFacts(options: FactsOptions): Facts {
  const teams = new Map<string, readonly string[]>();
  const controller = new AbortController();
  let since: string | undefined;

  async function round(): Promise<void> {
    const begun = new Date(options.clock.now() - 5000).toISOString();
    let whole = true;
    for (const type of factTypes) whole = (await readAll(type)) && whole;
    if (whole) since = begun;
    options.telemetry.gauge('facts_read_seconds', options.clock.now() / 1000);
  }

  async function readAll(type: string): Promise<boolean> {
    let path: string | undefined = `/${type}?_count=${PAGE}${since === undefined ? '' : `&_lastUpdated=ge${since}`}`;
    for (let page = 0; path !== undefined && page < options.maxPages; page++) {
      const response = await options.reader.read(ownRead(path), controller.signal);
      if (response.kind === 'fault' || response.status !== 200) {
        options.telemetry.failed('facts', response.kind === 'fault' ? response.code : 'upstream-status');
        return false;
      }
      const scanned = scan(response.body);
      if (!scanned.ok) return false;
      take(scanned.tape);
      path = nextOf(scanned.tape, options.upstreamBase);
    }
    return true;
  }

  function take(tape: Tape): void {
    for (const resource of resources(tape)) {
      options.learn(tape, resource);
      if (stringOf(tape, member(tape, resource, 'resourceType')) === 'CareTeam') join(tape, resource);
    }
  }

  function join(tape: Tape, team: number): void {
    const id = stringOf(tape, member(tape, team, 'id'));
    const status = stringOf(tape, member(tape, team, 'status'));
    const name = `CareTeam/${id}`;
    const people = new Set<string>();
    if (status === undefined || status === 'active') {
      for (const participant of elements(tape, member(tape, team, 'participant'))) {
        const reference = stringOf(tape, member(tape, member(tape, participant, 'member'), 'reference'));
        if (reference !== undefined) people.add(reference);
      }
    }
    for (const [person, list] of teams) {
      if (list.includes(name) && !people.has(person))
        teams.set(
          person,
          list.filter((each) => each !== name),
        );
    }
    for (const person of people) {
      const list = teams.get(person) ?? [];
      if (!list.includes(name)) teams.set(person, [...list, name]);
    }
  }

  const first = round();
  let running: Promise<void> = first;
  const timer = setInterval(() => {
    running = running.then(round);
  }, options.everySeconds * 1000);
  timer.unref();
  return {
    careTeamsOf: (fhirUser) => teams.get(fhirUser) ?? none,
    first,
    async stop() {
      clearInterval(timer);
      controller.abort();
      await running;
    },
  };
}

const none: readonly string[] = [];

function* elements(tape: Tape, array: number): Generator<number> {
  if (array < 0) return;
  for (let element = array + 1; element < (tape.next[array] as number); element = tape.next[element] as number)
    yield element;
}

function* resources(tape: Tape): Generator<number> {
  for (const entry of elements(tape, member(tape, 0, 'entry'))) {
    const resource = member(tape, entry, 'resource');
    if (resource >= 0) yield resource;
  }
}

function nextOf(tape: Tape, base: string): string | undefined {
  for (const link of elements(tape, member(tape, 0, 'link'))) {
    if (stringOf(tape, member(tape, link, 'relation')) !== 'next') continue;
    const url = stringOf(tape, member(tape, link, 'url'));
    if (url === undefined || !URL.canParse(url, `${base}/`)) return undefined;
    return underBase(new URL(url, `${base}/`).href, base);
  }
  return undefined;
}
