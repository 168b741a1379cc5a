import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { resourceTypes } from '../fhir/schema.ts';
import { CompiledPlan } from '../masking/compile.ts';
import { hex } from '../masking/keyed.ts';
import { type MethodName, strictness } from '../masking/method.ts';
import type { MaskingPlan } from '../masking/plan.ts';
import type { Defaults, Layer, MaskRule } from '../masking/rule.ts';
import { type ElementClass, type PolicyDocument, type PolicyRule, readClass, readPolicy } from './document.ts';
import type { PolicyFault } from './fault.ts';
import { nearestName } from './nearest.ts';
import { type PolicyFile, PolicySource } from './source.ts';
import { type PolicyTests, readTests, runTests, type TestResult } from './tests.ts';

/** For whom a plan is asked. Any Principal will do. */
export interface PlanRequest {
  readonly roles: readonly string[];
  readonly purpose: string;
  readonly client?: string;
  readonly organisation?: string;
  /** A research study's pseudonyms are its own. */
  readonly study?: string;
  /** Day of the request, for policies with `from` and `until`. Absent: they hold. */
  readonly on?: string;
}

/** All masking policies of a folder, compiled: immutable, and the same for the same files. */
export class PolicySet {
  /** SHA-256 over names and texts, in hex. */
  readonly hash: string;
  readonly documents: readonly PolicyDocument[];
  readonly classes: ReadonlyMap<string, ElementClass>;
  /** What does not stop the set from loading but deserves a look. */
  readonly warnings: readonly PolicyFault[];
  tests: readonly TestResult[] = [];
  readonly #byName: ReadonlyMap<string, PolicyDocument>;
  readonly #plans = new Map<string, CompiledPlan | undefined>();

  constructor(
    hash: string,
    documents: readonly PolicyDocument[],
    classes: ReadonlyMap<string, ElementClass>,
    warnings: readonly PolicyFault[],
  ) {
    this.hash = hash;
    this.documents = documents;
    this.classes = classes;
    this.warnings = warnings;
    this.#byName = new Map(documents.map((document) => [document.policy, document]));
  }

  get ruleIds(): readonly string[] {
    return this.documents.flatMap((document) => document.rules.map((rule) => rule.id));
  }

  /** What a rule is about, in words: the titles of its element classes. */
  titlesOf(ruleId: string): readonly string[] {
    const rule = this.documents.flatMap(({ rules }) => rules).find(({ id }) => id === ruleId);
    return (rule?.classes ?? []).flatMap(({ name }) => this.classes.get(name)?.title ?? []);
  }

  get roles(): readonly string[] {
    return [...new Set(this.documents.flatMap((document) => document.roles))].sort();
  }

  /** The purpose a role usually acts for: the first that its policy names. */
  usualPurpose(role: string): string | undefined {
    return this.documents.find((document) => document.roles.includes(role))?.purposes[0];
  }

  /**
   * The plan for a caller, or undefined: nothing may leave. Every policy that matches holds at once, and the strictest
   * says what happens to an element, so that more roles never show more (docs/adr).
   */
  planFor(who: PlanRequest): CompiledPlan | undefined {
    const chosen = this.documents.filter(
      (document) =>
        !document.overlay &&
        document.roles.some((role) => who.roles.includes(role)) &&
        document.purposes.includes(who.purpose) &&
        (document.clients === undefined || document.clients.includes(who.client ?? '')) &&
        (document.organisations === undefined || document.organisations.includes(who.organisation ?? '')) &&
        (who.on === undefined || ((document.from ?? '') <= who.on && who.on < (document.until ?? '9999'))),
    );
    if (chosen.length === 0) return undefined;
    return this.#plan(chosen, who);
  }

  /** The plan narrowed by overlays: the obligations of a grant, or more masking for one risky call. Never wider. */
  narrowed(plan: MaskingPlan, overlays: readonly string[], who: PlanRequest): CompiledPlan | undefined {
    const documents = [...policiesOf(plan.id), ...overlays].map((name) => this.#byName.get(name));
    // An obligation that is not known here cannot be met.
    if (documents.some((document) => document === undefined)) return undefined;
    return this.#plan([...new Set(documents)] as PolicyDocument[], who);
  }

  #plan(documents: readonly PolicyDocument[], who: PlanRequest): CompiledPlan {
    const project =
      who.study ?? documents.map((document) => this.#project(document)).find((each) => each !== undefined);
    const names = documents.map((document) => document.policy).sort();
    const narrow = `${who.purpose}|${who.client ?? ''}|${who.organisation ?? ''}`;
    const sensitive = documents.some((document) =>
      this.#chain(document).some(({ rules }) =>
        rules.some((rule) => (rule.purposes ?? rule.clients ?? rule.organisations) !== undefined),
      ),
    );
    const name = `${names.join('+')}|${project ?? ''}${sensitive ? `|${narrow}` : ''}`;
    let plan = this.#plans.get(name);
    if (plan === undefined) {
      const id = `${names.join('+')}@${hex(sha256(utf8ToBytes(`${this.hash}|${name}`))).slice(0, 12)}`;
      plan = new CompiledPlan(
        id,
        project ?? '',
        documents.map((document) => this.#layer(document, who)),
      );
      if (this.#plans.size > 1000) this.#plans.clear();
      this.#plans.set(name, plan);
    }
    return plan;
  }

  /** A policy and all it extends, itself first. */
  #chain(document: PolicyDocument): readonly PolicyDocument[] {
    const seen = new Set<PolicyDocument>();
    const visit = (each: PolicyDocument): void => {
      if (seen.has(each)) return;
      seen.add(each);
      for (const { name } of each.extends) {
        const parent = this.#byName.get(name);
        if (parent !== undefined) visit(parent);
      }
    };
    visit(document);
    return [...seen];
  }

  #project(document: PolicyDocument): string | undefined {
    return this.#chain(document)
      .map((each) => each.project)
      .find((project) => project !== undefined);
  }

  /** One layer of a document with its ancestors: of contradicting defaults the strictest holds. */
  layerOf(name: string, who: PlanRequest): Layer | undefined {
    const document = this.#byName.get(name);
    return document === undefined ? undefined : this.#layer(document, who);
  }

  #layer(document: PolicyDocument, who: PlanRequest): Layer {
    const chain = this.#chain(document);
    const strict = <Value extends string>(
      values: readonly (Value | undefined)[],
      strictest: Value,
      none: Value,
    ): Value => {
      const said = values.filter((value) => value !== undefined);
      return said.includes(strictest) ? strictest : (said[0] ?? none);
    };
    const defaults: Defaults = {
      unnamed: strict(
        chain.map((each) => each.unnamed),
        'safe',
        document.overlay ? 'keep' : 'safe',
      ),
      extensions: strict(
        chain.map((each) => each.extensions),
        'remove',
        document.overlay ? 'keep' : 'remove',
      ),
      unknown: strict(
        chain.map((each) => each.unknown),
        'remove',
        document.overlay ? 'keep' : 'remove',
      ),
    };
    const stated = chain.filter((each) => each.resources !== undefined || each.without.length > 0);
    const resources =
      stated.length === 0
        ? undefined
        : new Set(
            [...resourceTypes].filter((type) =>
              stated.every(
                (each) =>
                  (each.resources === undefined || each.resources.includes(type)) && !each.without.includes(type),
              ),
            ),
          );
    return {
      policy: document.policy,
      file: document.file,
      line: document.line,
      rules: chain.flatMap((each) => each.rules.filter((rule) => appliesTo(rule, who)).map((rule) => this.#rule(rule))),
      defaults,
      resources,
    };
  }

  #rule(rule: PolicyRule): MaskRule {
    return {
      id: rule.id,
      file: rule.file,
      line: rule.line,
      ...(rule.because === undefined ? {} : { because: rule.because }),
      method: rule.method,
      options: rule.options,
      targets: [...rule.classes.flatMap(({ name }) => this.classes.get(name)?.paths ?? []), ...rule.paths],
      except: rule.except,
      ...(rule.types === undefined ? {} : { types: new Set(rule.types) }),
    };
  }
}

/** The policies of which a plan is made, by its id. */
export const policiesOf = (planId: string): readonly string[] => (planId.split('@')[0] ?? '').split('+');

const appliesTo = (rule: PolicyRule, who: PlanRequest): boolean =>
  (rule.purposes === undefined || rule.purposes.includes(who.purpose)) &&
  (rule.clients === undefined || rule.clients.includes(who.client ?? '')) &&
  (rule.organisations === undefined || rule.organisations.includes(who.organisation ?? ''));

export type PolicySetLoad =
  | { readonly ok: true; readonly set: PolicySet }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] };

export const hashOfFiles = (files: readonly PolicyFile[]): string => {
  const digest = sha256.create();
  for (const { name, text } of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    digest.update(utf8ToBytes(`${name.length}:${name}${text.length}:${text}`));
  }
  return hex(digest.digest());
};

/** All or nothing: any fault, or one red test, and there is no set. */
export const compilePolicySet = (files: readonly PolicyFile[]): PolicySetLoad => {
  const faults: PolicyFault[] = [];
  const documents: PolicyDocument[] = [];
  const classes = new Map<string, ElementClass>();
  const tests: PolicyTests[] = [];
  for (const file of files.filter(({ name }) => /\.ya?ml$/.test(name))) {
    const source = new PolicySource(file);
    const fields = source.fieldNames();
    if (fields.includes('class')) {
      const found = readClass(source);
      if (found !== undefined && classes.has(found.name)) {
        source.fault(
          source.root,
          `The element class \`${found.name}\` is already in ${classes.get(found.name)?.file}.`,
        );
      }
      if (found !== undefined) classes.set(found.name, found);
    } else if (fields.includes('tests')) {
      const found = readTests(source);
      if (found !== undefined) tests.push(found);
    } else if (fields.includes('policy')) {
      const found = readPolicy(source);
      if (found !== undefined) documents.push(found);
    } else if (source.faults.length === 0) {
      source.fault(source.root, 'The file is no policy, element class or test: it needs `policy`, `class` or `tests`.');
    }
    faults.push(...source.faults);
  }
  faults.push(...crossFaults(documents, classes));
  const warnings = faults.filter((fault) => fault.severity === 'warning');
  if (faults.length > warnings.length) return { ok: false, faults };
  if (documents.length === 0) {
    return {
      ok: false,
      faults: [{ severity: 'error', file: '.', line: 1, column: 1, text: 'There is no policy in this folder.' }],
    };
  }
  const set = new PolicySet(hashOfFiles(files), documents, classes, [...warnings, ...shadowed(documents, classes)]);
  set.tests = tests.flatMap((each) => runTests(set, each));
  const red = set.tests.filter((result) => result.failures.length > 0);
  if (red.length > 0) {
    return {
      ok: false,
      faults: red.map((result) => ({
        severity: 'error' as const,
        file: result.file,
        line: result.line,
        column: 1,
        text: `The test "${result.name}" fails: ${result.failures.join(' ')}`,
      })),
    };
  }
  return { ok: true, set };
};

/** Faults that only show when all files are there: names of other files, ids used twice, circles. */
const crossFaults = (
  documents: readonly PolicyDocument[],
  classes: ReadonlyMap<string, ElementClass>,
): readonly PolicyFault[] => {
  const faults: PolicyFault[] = [];
  const byName = new Map<string, PolicyDocument>();
  const ids = new Map<string, PolicyRule>();
  const fault = (file: string, line: number, column: number, text: string, nearest?: string): void => {
    faults.push({ severity: 'error', file, line, column, text, ...(nearest === undefined ? {} : { nearest }) });
  };
  for (const document of documents) {
    const twin = byName.get(document.policy);
    if (twin !== undefined)
      fault(document.file, document.line, 1, `The policy \`${document.policy}\` is already in ${twin.file}.`);
    byName.set(document.policy, document);
    for (const rule of document.rules) {
      const other = ids.get(rule.id);
      if (other !== undefined) {
        fault(
          rule.file,
          rule.line,
          1,
          `The rule id \`${rule.id}\` is already used in ${other.file}, line ${other.line}.`,
        );
      }
      ids.set(rule.id, rule);
      for (const { name, line, column } of rule.classes) {
        if (!classes.has(name)) {
          fault(rule.file, line, column, `There is no element class \`${name}\`.`, nearestName(name, classes.keys()));
        }
      }
    }
  }
  for (const document of documents) {
    for (const { name, line, column } of document.extends) {
      if (!byName.has(name)) {
        fault(
          document.file,
          line,
          column,
          `There is no policy \`${name}\` to extend.`,
          nearestName(name, byName.keys()),
        );
      }
      if (reaches(byName, name, document.policy)) {
        fault(document.file, line, column, `The policy extends itself by way of \`${name}\`.`);
      }
    }
  }
  return faults;
};

const reaches = (byName: ReadonlyMap<string, PolicyDocument>, from: string, to: string): boolean => {
  const seen = new Set<string>();
  const visit = (name: string): boolean => {
    if (name === to) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return byName.get(name)?.extends.some((parent) => visit(parent.name)) ?? false;
  };
  return visit(from);
};

/** Rules of one policy that another rule of it makes void, and pairs that want different things of one path. */
const shadowed = (
  documents: readonly PolicyDocument[],
  classes: ReadonlyMap<string, ElementClass>,
): readonly PolicyFault[] => {
  const warnings: PolicyFault[] = [];
  for (const document of documents) {
    const firstOn = new Map<string, { rule: PolicyRule; method: MethodName }>();
    const paths = new Map<PolicyRule, readonly string[]>(
      document.rules.map((rule) => [
        rule,
        [...rule.classes.flatMap(({ name }) => classes.get(name)?.paths ?? []), ...rule.paths].map((path) => path.text),
      ]),
    );
    for (const [rule, targets] of paths) {
      const scope = JSON.stringify([rule.types, rule.purposes, rule.clients, rule.organisations]);
      for (const path of targets) {
        const key = `${scope}|${path}`;
        const other = firstOn.get(key);
        if (other === undefined) firstOn.set(key, { rule, method: rule.method });
        else if (other.rule !== rule && other.method !== rule.method) {
          const [strict, mild] =
            strictness(other.method) >= strictness(rule.method) ? [other.rule, rule] : [rule, other.rule];
          warnings.push({
            severity: 'warning',
            file: mild.file,
            line: mild.line,
            column: 1,
            text: `Rules \`${mild.id}\` and \`${strict.id}\` want different things of ${path}; \`${strict.method}\` of \`${strict.id}\` holds.`,
          });
        }
      }
    }
  }
  return warnings;
};
