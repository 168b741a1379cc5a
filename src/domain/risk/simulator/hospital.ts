import type { ContextFact } from '../event.ts';
import { Dice } from './dice.ts';

export const MINUTE = 60_000;
export const HOURS = 60 * MINUTE;
export const DAYS = 24 * HOURS;

/** How one hospital differs from the next. Drawn from the world's number, so training and test meet different houses. */
export interface Habits {
  readonly missingContext: number;
  readonly recordLag: number;
  readonly nameSearch: number;
  readonly eventsPerOpen: number;
  readonly sharedDevices: number;
  readonly remoteWork: number;
  readonly chores: number;
  readonly loose: number;
  readonly rosterKnown: boolean;
  readonly staffAddresses: number;
  readonly busy: number;
  readonly emergencyCare: number;
  readonly dayStart: number;
}

export type Work =
  | 'ward'
  | 'clinic'
  | 'emergency'
  | 'desk'
  | 'coding'
  | 'orders'
  | 'research'
  | 'pharmacy'
  | 'service'
  | 'office';

export interface Worker {
  readonly id: string;
  readonly role: string;
  readonly work: Work;
  readonly home: string;
  /** Changes with rotations and floats. */
  department: string;
  readonly surname: string;
  readonly address: string;
  readonly zip4: string;
  readonly patientId: string | undefined;
  readonly client: string;
  readonly agent: string;
  devices: string[];
  network: string;
  readonly night: boolean;
  readonly rotating: boolean;
  readonly float: boolean;
  readonly joined: number;
  left: number;
  away: { from: number; until: number } | undefined;
  readonly pace: number;
  readonly purpose: string;
  readonly cohort: string[];
  /** Patients of earlier days, for follow-up work. */
  readonly recent: { patient: string; day: number }[];
}

export interface Person {
  readonly id: string;
  readonly surname: string;
  readonly address: string;
  readonly zip4: string;
  readonly vip: boolean;
}

export interface Hospital {
  readonly habits: Habits;
  readonly departments: { readonly name: string; readonly work: Work }[];
  readonly workers: Worker[];
  readonly people: Person[];
  readonly facts: ContextFact[];
  readonly start: number;
}

export const habitsOf = (world: number): Habits => {
  const dice = new Dice(world * 7919 + 13);
  return {
    missingContext: dice.between(0.005, 0.035),
    recordLag: dice.between(2, 25),
    nameSearch: dice.between(0.08, 0.45),
    eventsPerOpen: dice.between(1.8, 4.5),
    sharedDevices: dice.between(0.2, 0.85),
    remoteWork: dice.between(0.02, 0.12),
    chores: dice.between(0.004, 0.02),
    loose: dice.between(0.01, 0.06),
    rosterKnown: dice.chance(0.75),
    staffAddresses: dice.between(0.6, 1),
    busy: dice.between(0.7, 1.3),
    emergencyCare: dice.between(0.01, 0.05),
    dayStart: dice.between(6, 8.5),
  };
};

const syllables = [
  'ba',
  'ren',
  'to',
  'lin',
  'mar',
  'ko',
  'sten',
  'vi',
  'dal',
  'ro',
  'ha',
  'berg',
  'mi',
  'son',
  'or',
  'ley',
  'ga',
  'wen',
];
const surnameOf = (index: number): string => {
  const word = `${syllables[index % 18] ?? ''}${syllables[Math.floor(index / 18) % 18] ?? ''}${index >= 324 ? (syllables[Math.floor(index / 324) % 18] ?? '') : ''}`;
  return word.charAt(0).toUpperCase() + word.slice(1);
};

interface Post {
  readonly role: string;
  readonly work: Work;
  readonly share: number;
  readonly client: string;
  readonly purpose: string;
}

const posts: readonly Post[] = [
  { role: 'nurse', work: 'ward', share: 0.3, client: 'ward-chart', purpose: 'TREAT' },
  { role: 'physician', work: 'ward', share: 0.1, client: 'ward-chart', purpose: 'TREAT' },
  { role: 'resident', work: 'ward', share: 0.07, client: 'ward-chart', purpose: 'TREAT' },
  { role: 'physician', work: 'clinic', share: 0.12, client: 'clinic-chart', purpose: 'TREAT' },
  { role: 'nurse', work: 'clinic', share: 0.07, client: 'clinic-chart', purpose: 'TREAT' },
  { role: 'physician', work: 'emergency', share: 0.03, client: 'ward-chart', purpose: 'TREAT' },
  { role: 'nurse', work: 'emergency', share: 0.06, client: 'ward-chart', purpose: 'TREAT' },
  { role: 'front-desk', work: 'desk', share: 0.08, client: 'desk', purpose: 'HOPERAT' },
  { role: 'technician', work: 'orders', share: 0.06, client: 'diagnostics', purpose: 'TREAT' },
  { role: 'pharmacist', work: 'pharmacy', share: 0.03, client: 'pharmacy', purpose: 'TREAT' },
  { role: 'coder', work: 'coding', share: 0.03, client: 'coding', purpose: 'HPAYMT' },
  { role: 'billing', work: 'coding', share: 0.02, client: 'billing', purpose: 'HPAYMT' },
  { role: 'researcher', work: 'research', share: 0.015, client: 'study', purpose: 'HRESCH' },
  { role: 'quality', work: 'office', share: 0.01, client: 'quality', purpose: 'HOPERAT' },
];

export interface HospitalSize {
  readonly users: number;
  readonly patients: number;
  readonly days: number;
  readonly start: number;
  readonly seed: number;
  readonly habits: Habits;
}

export const buildHospital = (size: HospitalSize): Hospital => {
  const dice = new Dice(size.seed);
  const { habits, start } = size;
  const names = Math.min(5_000, Math.max(120, Math.floor(size.patients / 8)));
  const departments: { name: string; work: Work }[] = [];
  const wards = Math.max(3, Math.round(size.users / 45));
  const clinics = Math.max(2, Math.round(size.users / 60));
  for (let n = 1; n <= wards; n++) departments.push({ name: `ward-${n}`, work: 'ward' });
  for (let n = 1; n <= clinics; n++) departments.push({ name: `clinic-${n}`, work: 'clinic' });
  for (const [name, work] of [
    ['emergency', 'emergency'],
    ['laboratory', 'orders'],
    ['radiology', 'orders'],
    ['pharmacy', 'pharmacy'],
    ['coding', 'coding'],
    ['research', 'research'],
    ['quality', 'office'],
    ['registration', 'desk'],
    ['systems', 'service'],
  ] as const)
    departments.push({ name, work });

  const people: Person[] = [];
  const households: { surname: string; address: string; zip4: string }[] = [];
  const homes = Math.max(10, Math.floor(size.patients / 2.3));
  for (let home = 0; home < homes; home++) {
    const zip4 = `${10_000 + Math.floor(home / 260)}-${1000 + (Math.floor(home / 6) % 9000)}`;
    households.push({
      surname: surnameOf(dice.skewed(names, 2)),
      address: `${1 + (home % 180)} ${surnameOf(home % 300)} Street ${Math.floor(home / 180)}`,
      zip4,
    });
  }
  const idStyle = dice.whole(0, 2);
  for (let n = 0; n < size.patients; n++) {
    const home = dice.pick(households);
    const surname = dice.chance(0.85) ? home.surname : surnameOf(dice.skewed(names, 2));
    const id =
      idStyle === 0
        ? `p${100_000 + n}`
        : idStyle === 1
          ? `mrn-${Math.floor(dice.roll() * 9e8) + 1e8}`
          : `pat-${n.toString(36)}x${dice.whole(0, 99)}`;
    people.push({ id, surname, address: home.address, zip4: home.zip4, vip: dice.chance(0.002) });
  }

  const workers: Worker[] = [];
  const of = (work: Work): string => dice.pick(departments.filter((each) => each.work === work)).name;
  let number = 0;
  for (const post of posts) {
    const count = Math.max(
      post.work === 'office' || post.work === 'research' ? 2 : 3,
      Math.round(post.share * size.users),
    );
    for (let n = 0; n < count; n++) {
      number++;
      const asPatient = dice.chance(0.55) ? dice.pick(people) : undefined;
      const home = asPatient ?? dice.pick(households);
      const department = post.work === 'desk' ? (dice.chance(0.6) ? 'registration' : of('clinic')) : of(post.work);
      const late = dice.chance(0.06);
      const leaves = dice.chance(0.04);
      const shared = dice.chance(habits.sharedDevices);
      workers.push({
        id: `u${1000 + number}`,
        role: post.role,
        work: post.work,
        home: department,
        department,
        surname: asPatient?.surname ?? surnameOf(dice.skewed(names, 2)),
        address: home.address,
        zip4: home.zip4,
        patientId: asPatient?.id,
        client: post.client,
        agent: dice.pick(['Mozilla/5.0 Chrome/126', 'Mozilla/5.0 Edge/125', 'Mozilla/5.0 Firefox/127']),
        devices: shared
          ? Array.from({ length: 4 }, (_, k) => `ws-${department}-${(number * 3 + k) % 9}`)
          : [`pc-${number}`, ...(dice.chance(0.3) ? [`tab-${number}`] : [])],
        network: `10.${20 + (departments.findIndex((each) => each.name === department) % 40)}.${dice.whole(0, 3)}`,
        night: (post.work === 'ward' || post.work === 'emergency') && dice.chance(0.25),
        rotating: post.role === 'resident',
        float: post.role === 'nurse' && post.work === 'ward' && dice.chance(0.12),
        joined: late ? start + dice.whole(5, Math.max(6, size.days - 5)) * DAYS : start - dice.whole(60, 3000) * DAYS,
        left: leaves ? start + dice.whole(Math.floor(size.days * 0.3), size.days) * DAYS : Number.POSITIVE_INFINITY,
        away: dice.chance(0.25) ? awayFrom(dice, start, size.days) : undefined,
        pace: Math.exp(dice.normal() * 0.3) * habits.busy,
        purpose: post.purpose,
        cohort: post.work === 'research' ? Array.from({ length: dice.whole(60, 300) }, () => dice.pick(people).id) : [],
        recent: [],
      });
    }
  }
  for (let n = 1; n <= Math.max(2, Math.round(size.users / 150)); n++)
    workers.push({
      id: `svc-${n}`,
      role: 'service',
      work: 'service',
      home: 'systems',
      department: 'systems',
      surname: '',
      address: '',
      zip4: '',
      patientId: undefined,
      client: `interface-${n}`,
      agent: 'interface-engine/4',
      devices: [`host-${n}`],
      network: '10.9.1',
      night: false,
      rotating: false,
      float: false,
      joined: start - 500 * DAYS,
      left: Number.POSITIVE_INFINITY,
      away: undefined,
      pace: dice.between(0.5, 2),
      purpose: 'HOPERAT',
      cohort: [],
      recent: [],
    });
  return { habits, departments, workers, people, facts: introductions(workers, people, habits, dice), start };
};

const awayFrom = (dice: Dice, start: number, days: number): { from: number; until: number } => {
  const from = start + dice.whole(0, days) * DAYS;
  return { from, until: from + dice.whole(7, 24) * DAYS };
};

const introductions = (
  workers: readonly Worker[],
  people: readonly Person[],
  habits: Habits,
  dice: Dice,
): ContextFact[] => {
  const facts: ContextFact[] = [];
  for (const person of people)
    facts.push({
      kind: 'patient',
      id: person.id,
      surname: person.surname,
      address: person.address,
      zip4: person.zip4,
      ...(person.vip ? { vip: true } : {}),
      birthYear: dice.whole(1930, 2025),
    });
  for (const worker of workers) {
    const known = worker.work !== 'service' && dice.chance(habits.staffAddresses);
    facts.push({
      kind: 'staff',
      id: worker.id,
      role: worker.role,
      department: worker.home,
      ...(worker.surname === '' ? {} : { surname: worker.surname }),
      ...(known ? { address: worker.address, zip4: worker.zip4 } : {}),
      from: new Date(worker.joined).toISOString(),
      ...(Number.isFinite(worker.left) ? { until: new Date(worker.left).toISOString() } : {}),
      ...(worker.patientId !== undefined && dice.chance(0.8) ? { patientId: worker.patientId } : {}),
    });
  }
  return facts;
};
