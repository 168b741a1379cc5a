import { is, member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Ownership, ownershipOf } from './compartment.ts';
import { patientId } from './ids.ts';
import type { PatientId } from './interaction.ts';
import { eachMention } from './mentions.ts';
import { eachAt } from './paths.ts';
import { type Bases, parseReference, type Reference } from './references.ts';

/** Whose a resource is. Everyone it names must permit; `unknown` MUST be withheld. */
export type Subjects =
  | {
      readonly kind: 'patients';
      readonly ids: readonly PatientId[];
      /** Of a request only: fullUrls of Patients that the same transaction creates. They have no id yet. */
      readonly fresh?: readonly string[];
    }
  | { readonly kind: 'universal' }
  | {
      readonly kind: 'unknown';
      readonly why: string;
      /** Resources whose owners would settle it, for a caller who can look them up and ask again. */
      readonly needs?: readonly Reference[];
    };

/** A resource that a reference points at, where the caller has it at hand: an entry of the same Bundle, an index. */
export interface Target {
  readonly type: string;
  readonly subjects: () => Subjects;
}
export type Resolve = (reference: Reference) => Target | undefined;

const unknown = (why: string): Subjects => ({ kind: 'unknown', why });

/**
 * Whose is the resource at the node? All patients that it names count, by whatever element, contained resources and
 * extensions too; but only an owner path can make it theirs, so that a resource whose subject cannot be resolved is
 * `unknown` even when a patient is named elsewhere in it.
 */
export const subjectsOf = (tape: Tape, node: number, bases: Bases, resolve?: Resolve): Subjects =>
  new Search(tape, node, bases, resolve).run(false);

class Search {
  private readonly tape: Tape;
  private readonly root: number;
  private readonly bases: Bases;
  private readonly resolve: Resolve | undefined;
  private readonly ids: PatientId[] = [];
  private readonly fresh: string[] = [];
  /** References that own by what they point at. */
  private readonly indirect: Reference[] = [];
  private readonly needs: Reference[] = [];
  private why: string | undefined;

  constructor(tape: Tape, root: number, bases: Bases, resolve: Resolve | undefined) {
    this.tape = tape;
    this.root = root;
    this.bases = bases;
    this.resolve = resolve;
  }

  run(isContained: boolean): Subjects {
    const { tape, root } = this;
    const type = stringOf(tape, member(tape, root, 'resourceType'));
    if (type === undefined) return unknown('it has no type');
    const ownership = ownershipOf(type);
    if (ownership.rule === 'container') return unknown('a container is judged by what it holds');
    if (ownership.rule === 'withheld') return unknown('resources of this type are withheld');
    if (ownership.rule === 'patient') this.self(isContained);
    for (const path of ownership.owners) eachAt(tape, root, path, (reference) => this.owner(reference));
    for (const path of ownership.named) eachAt(tape, root, path, (reference) => this.named(reference));
    this.containedPatients();
    this.follow(ownership);
    if (this.why !== undefined) return this.verdictUnknown(this.why);
    if (!this.hasPatient() && ownership.rule !== 'universal') return unknown('it names no patient that owns it');
    eachMention(tape, root, (text) => this.mention(text));
    if (this.why !== undefined) return this.verdictUnknown(this.why);
    if (!this.hasPatient()) return { kind: 'universal' };
    return this.fresh.length > 0
      ? { kind: 'patients', ids: this.ids, fresh: this.fresh }
      : { kind: 'patients', ids: this.ids };
  }

  private verdictUnknown(why: string): Subjects {
    return this.needs.length > 0 ? { kind: 'unknown', why, needs: this.needs } : unknown(why);
  }

  private hasPatient(): boolean {
    return this.ids.length > 0 || this.fresh.length > 0;
  }

  private fail(why: string): void {
    this.why ??= why;
  }

  private add(id: string): void {
    const patient = patientId(id);
    if (patient === undefined) this.fail('a patient id is not an id');
    else if (!this.ids.includes(patient)) this.ids.push(patient);
  }

  private addFresh(url: string): void {
    if (!this.fresh.includes(url)) this.fresh.push(url);
  }

  /** A Patient is its own owner; a contained one has an id only within its resource, so only its links can name it. */
  private self(isContained: boolean): void {
    if (isContained) return;
    const id = stringOf(this.tape, member(this.tape, this.root, 'id'));
    if (id === undefined) this.fail('the Patient has no id');
    else this.add(id);
  }

  private owner(node: number): void {
    const reference = this.read(node);
    if (reference === undefined) {
      const type = stringOf(this.tape, member(this.tape, node, 'type'));
      if (type === undefined || speaksOfPatients(type)) this.fail('an owner is named by a logical identifier only');
    } else if (reference.kind === 'local' && reference.type === 'Patient') this.add(reference.id);
    else if (reference.kind === 'local') {
      if (reference.type === 'Group') this.take(reference);
      else this.indirect.push(reference);
    } else if (reference.kind === 'contained') {
      if (reference.id !== '') this.takeContained(reference.id);
    } else if (reference.kind === 'urn') this.take(reference);
    else if (reference.kind === 'unreadable' || reference.type === undefined || speaksOfPatients(reference.type)) {
      this.fail('an owner cannot be resolved');
    }
  }

  private named(node: number): void {
    const reference = this.read(node);
    if (reference?.kind === 'local' && reference.type === 'Patient') this.add(reference.id);
    else if (reference?.kind === 'urn') {
      // Who performs or writes is mostly no patient, and then names nobody here.
      if (this.resolve?.(reference)?.type === 'Patient') this.take(reference);
    }
  }

  /** The literal reference of a Reference; undefined when it has none. */
  private read(node: number): Reference | undefined {
    const text = stringOf(this.tape, member(this.tape, node, 'reference'));
    return text === undefined ? undefined : parseReference(text, this.bases);
  }

  private follow(ownership: Ownership): void {
    const { tape, root } = this;
    // Once a patient is named, what is not at hand takes nothing away; what is at hand can still add.
    const settled = this.hasPatient();
    for (const path of ownership.via) {
      eachAt(tape, root, path, (node) => {
        const reference = this.read(node);
        if (reference !== undefined) this.indirect.push(reference);
        else if (!settled) this.fail('what it is about is named by a logical identifier only');
      });
    }
    for (const reference of this.indirect) {
      if (reference.kind === 'contained') {
        if (reference.id !== '' && !settled) this.takeContained(reference.id);
      } else if (settled) {
        const subjects = this.resolve?.(reference)?.subjects();
        if (subjects?.kind === 'patients') this.join(subjects);
      } else this.take(reference);
    }
  }

  /** Makes the owners of what the reference points at owners of this resource. */
  private take(reference: Reference): void {
    if (reference.kind === 'local' && reference.type === 'Patient') {
      this.add(reference.id);
      return;
    }
    const subjects = this.resolve?.(reference)?.subjects() ?? this.presumed(reference);
    if (subjects.kind === 'unknown') {
      if (subjects.needs !== undefined) this.needs.push(...subjects.needs);
      else if (reference.kind === 'local') this.needs.push(reference);
      this.fail('what it is about cannot be resolved');
    } else if (subjects.kind === 'patients') this.join(subjects);
  }

  private join(subjects: Extract<Subjects, { kind: 'patients' }>): void {
    for (const id of subjects.ids) this.add(id);
    for (const url of subjects.fresh ?? []) this.addFresh(url);
  }

  /** Without the resource at hand: a type that belongs to nobody names nobody; a Group may be one of patients. */
  private presumed(reference: Reference): Subjects {
    return reference.kind === 'local' && reference.type !== 'Group' && ownershipOf(reference.type).rule === 'universal'
      ? { kind: 'universal' }
      : unknown('not at hand');
  }

  private eachContained(visit: (node: number) => void): void {
    const list = member(this.tape, this.root, 'contained');
    if (list < 0 || this.tape.kind[list] !== KIND.array) return;
    const past = this.tape.next[list] as number;
    for (let node = list + 1; node < past; node = this.tape.next[node] as number) visit(node);
  }

  private takeContained(id: string): void {
    let found = -1;
    this.eachContained((node) => {
      if (stringOf(this.tape, member(this.tape, node, 'id')) === id) found = node;
    });
    if (found < 0) {
      this.fail('a contained resource is missing');
      return;
    }
    const subjects = new Search(this.tape, found, this.bases, this.resolve).run(true);
    if (subjects.kind === 'unknown') this.fail('a contained resource names no patient that can be resolved');
    else if (subjects.kind === 'patients') this.join(subjects);
  }

  /** A contained Patient is somebody whoever refers to it: known by its links, or not at all. */
  private containedPatients(): void {
    const { tape } = this;
    this.eachContained((node) => {
      // R4 allows none (dom-2), and nobody looks for a patient in it.
      if (member(tape, node, 'contained') >= 0) this.fail('a contained resource contains another');
      const type = member(tape, node, 'resourceType');
      if (type < 0 || !is(tape, type, 'Patient')) return;
      const subjects = new Search(tape, node, this.bases, this.resolve).run(true);
      if (subjects.kind === 'patients') this.join(subjects);
      else this.fail('a contained Patient cannot be resolved');
    });
  }

  private mention(text: string | undefined): void {
    if (text === undefined) {
      this.fail('a patient is named by a logical identifier only');
      return;
    }
    const reference = parseReference(text, this.bases);
    switch (reference.kind) {
      case 'local':
        if (reference.type === 'Patient') this.add(reference.id);
        return;
      case 'urn':
        if (this.resolve?.(reference)?.type === 'Patient') this.take(reference);
        return;
      case 'foreign':
      case 'conditional':
        if (reference.type === 'Patient') this.fail('a patient of another server is named');
        return;
      case 'unreadable':
        if (/patient/i.test(text)) this.fail('a reference cannot be read');
        return;
      default:
    }
  }
}

/** The types a reference can have when it names a person or persons under care. */
const speaksOfPatients = (type: string): boolean =>
  type === 'Patient' || type === 'Group' || type === 'RelatedPerson' || type === 'Person';
