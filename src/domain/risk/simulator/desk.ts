import type { AccessEvent } from '../event.ts';
import type { Dice } from './dice.ts';
import { HOURS, type Hospital, type Worker } from './hospital.ts';

export interface Told {
  readonly time: number;
  readonly event: AccessEvent;
  /** 1 misuse, 0 not. */
  readonly label: 0 | 1;
  /** Kind of misuse, or `alike:kind` of what only looks like it. */
  readonly scenario?: string;
  /** Events of one case carry one name. */
  readonly case?: string;
}

export interface Mark {
  readonly label: 0 | 1;
  readonly scenario?: string;
  readonly case?: string;
}

/** Where and with what a call is made; misuse overrides it. */
export interface Seat {
  readonly device?: string;
  readonly network?: string;
  readonly client?: string;
  readonly agent?: string;
  readonly breakGlass?: string;
  readonly purpose?: string;
}

const clinical = [
  'Observation',
  'MedicationRequest',
  'Condition',
  'DiagnosticReport',
  'AllergyIntolerance',
  'DocumentReference',
  'Procedure',
  'Encounter',
];
const byWork: Readonly<Record<string, readonly string[]>> = {
  ward: clinical,
  clinic: clinical,
  emergency: clinical,
  desk: ['Coverage', 'Appointment', 'Encounter', 'RelatedPerson'],
  coding: ['Encounter', 'Condition', 'Procedure', 'Claim', 'DocumentReference'],
  orders: ['ServiceRequest', 'DiagnosticReport', 'Observation', 'ImagingStudy'],
  research: ['Observation', 'Condition', 'MedicationRequest'],
  pharmacy: ['MedicationRequest', 'AllergyIntolerance', 'MedicationDispense'],
  service: ['Observation', 'Encounter', 'DiagnosticReport'],
  office: ['Encounter', 'Condition', 'DocumentReference'],
};
const written: Readonly<Record<string, readonly string[]>> = {
  ward: ['Observation', 'MedicationAdministration', 'DocumentReference'],
  clinic: ['Observation', 'MedicationRequest', 'DocumentReference', 'ServiceRequest'],
  emergency: ['Observation', 'MedicationRequest', 'DocumentReference'],
  desk: ['Appointment', 'Coverage'],
  coding: ['Claim'],
  orders: ['DiagnosticReport', 'Observation'],
  pharmacy: ['MedicationDispense'],
};

/** Puts what people do into words of the log. */
export class Desk {
  readonly #hospital: Hospital;
  readonly #dice: Dice;
  readonly events: Told[] = [];

  constructor(hospital: Hospital, dice: Dice) {
    this.#hospital = hospital;
    this.#dice = dice;
  }

  call(worker: Worker, time: number, fields: AccessEvent, mark: Mark, seat: Seat = {}): void {
    const dice = this.#dice;
    const remote = seat.network === undefined && worker.work !== 'service' && this.#remote(worker, time);
    const reason = seat.breakGlass;
    const event: AccessEvent = {
      t: new Date(time).toISOString(),
      user: worker.id,
      role: worker.role,
      department: worker.department,
      client: seat.client ?? worker.client,
      ip: `${seat.network ?? (remote ? `81.${worker.pace > 1 ? 20 : 60}.7` : worker.network)}.${1 + ((worker.id.length * 31 + worker.home.length) % 200)}`,
      device: seat.device ?? dice.pick(worker.devices),
      agent: seat.agent ?? worker.agent,
      purpose: reason === undefined ? (seat.purpose ?? worker.purpose) : 'ETREAT',
      ...(reason === undefined ? {} : { breakGlass: true, ...(reason === '' ? {} : { reason }) }),
      ...fields,
      status: fields.status ?? 200,
    };
    this.events.push({ time, event, ...mark });
  }

  /** A few half days a month are worked from home. */
  #remote(worker: Worker, time: number): boolean {
    const half = Math.floor(time / (12 * HOURS));
    const draw = ((half * 2_654_435_761 + Number(worker.id.slice(1)) * 40_503) >>> 0) % 1_000;
    return draw < this.#hospital.habits.remoteWork * 300;
  }

  /** Opening a record: perhaps a search for the name, then a few reads. Returns when it ended. */
  open(
    worker: Worker,
    patient: string,
    time: number,
    mark: Mark,
    options: { readonly reads?: number; readonly writes?: number; readonly search?: number; readonly seat?: Seat } = {},
  ): number {
    const dice = this.#dice;
    const habits = this.#hospital.habits;
    let at = time;
    const step = (): number => {
      at += dice.exponential(25_000) + 1_500;
      return at;
    };
    if (dice.chance(options.search ?? habits.nameSearch * (worker.work === 'desk' ? 2 : 0.5))) {
      const others = Array.from({ length: dice.whole(0, 4) }, () => dice.pick(this.#hospital.people).id);
      this.call(
        worker,
        step(),
        {
          interaction: 'search',
          type: 'Patient',
          patient: null,
          patients: [patient, ...others],
          query: dice.chance(0.6) ? ['family', 'birthdate'] : ['name'],
          results: others.length + 1,
        },
        mark,
        options.seat,
      );
    }
    const reads = options.reads ?? 1 + dice.poisson(habits.eventsPerOpen - 1);
    for (let n = 0; n < reads; n++) {
      const type = n === 0 ? 'Patient' : dice.pick(byWork[worker.work] ?? clinical);
      const searching = type !== 'Patient' && dice.chance(0.6);
      const results = searching ? 1 + dice.poisson(6) : 1;
      this.call(
        worker,
        step(),
        {
          interaction: searching ? 'search' : 'read',
          type,
          patient,
          patients: [patient],
          ...(searching ? { query: ['patient'] } : {}),
          results,
        },
        mark,
        options.seat,
      );
    }
    const kinds = written[worker.work];
    if (kinds !== undefined)
      for (let n = options.writes ?? (dice.chance(0.3) ? 1 : 0); n > 0; n--)
        this.call(
          worker,
          step(),
          {
            interaction: dice.chance(0.8) ? 'create' : 'update',
            type: dice.pick(kinds),
            patient,
            patients: [patient],
            results: 1,
            status: 201,
          },
          mark,
          options.seat,
        );
    return at;
  }

  /** The work list of a ward or a clinic. */
  list(worker: Worker, patients: readonly string[], time: number, mark: Mark): void {
    this.call(
      worker,
      time,
      {
        interaction: 'search',
        type: worker.work === 'clinic' || worker.work === 'desk' ? 'Appointment' : 'Encounter',
        patient: null,
        patients: patients.slice(0, 40),
        query: [worker.work === 'clinic' ? 'practitioner' : 'location', 'date'],
        results: patients.length,
      },
      mark,
    );
  }
}

/** Moments of a shift, in order. */
export const moments = (dice: Dice, start: number, hours: number, count: number): number[] =>
  Array.from({ length: count }, () => start + dice.roll() * hours * HOURS).sort((a, b) => a - b);
