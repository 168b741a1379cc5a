import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import type { MethodName, MethodOptions } from '../masking/method.ts';

/*
 * Edits of a policy file that a form makes: of the text, by way of its YAML nodes, so that comments and what is not
 * touched stay as somebody wrote them.
 */

/** What a policy is to do with an element class; without a method it says nothing of it any more. */
export interface ClassEdit {
  readonly class: string;
  readonly method?: MethodName;
  readonly options?: MethodOptions;
}

/** The part of a file from a top-level list on, as nodes; what stands above it stays the text it is. */
export const editList = (text: string, list: string, edit: (items: YAMLSeq, document: Document) => void): string => {
  const start = new RegExp(`^${list}:`, 'm').exec(text)?.index;
  const [above, below] =
    start === undefined ? [`${text.trimEnd()}\n`, `${list}: []\n`] : [text.slice(0, start), text.slice(start)];
  const document = parseDocument(below, { schema: 'core' });
  const items = document.get(list);
  if (document.errors.length > 0 || !isSeq(items)) throw new RangeError('The file is not one that can be edited.');
  edit(items, document);
  if (items.items.length > 0) items.flow = false;
  const edited = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  return above + edited.replace(/^(\s*with: )\{(.+)\}$/gm, '$1{ $2 }');
};

const narrowing = ['types', 'purposes', 'clients', 'organisations', 'except'];

const namesOf = (rule: YAMLMap, field: string): string[] => {
  const list = rule.get(field);
  return isSeq(list) ? list.items.map((item) => (isScalar(item) ? String(item.value) : '')) : [];
};

const slug = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

const freshId = (wanted: string, taken: ReadonlySet<string>): string => {
  let id = wanted;
  for (let count = 2; taken.has(id); count += 1) id = `${wanted}-${count}`;
  return id;
};

/**
 * Sets what the policy of a file does with an element class. Rules that hold for some types, purposes or clients only are
 * left alone. `taken` are the rule ids of the other files.
 */
export const setClassMethod = (text: string, edit: ClassEdit, taken: Iterable<string> = []): string =>
  editList(text, 'rules', (rules, document) => {
    const maps = rules.items.filter((item) => isMap(item));
    const general = maps.filter((rule) => !narrowing.some((field) => rule.has(field)));
    const named = general.filter((rule) => namesOf(rule, 'classes').includes(edit.class));
    const own = named.find((rule) => namesOf(rule, 'classes').length === 1 && !rule.has('paths'));
    for (const rule of named) {
      if (rule === own && edit.method !== undefined) continue;
      const left = namesOf(rule, 'classes').filter((name) => name !== edit.class);
      if (left.length === 0 && !rule.has('paths')) rules.items.splice(rules.items.indexOf(rule), 1);
      else if (left.length === 0) rule.delete('classes');
      else {
        const list = rule.get('classes') as YAMLSeq;
        list.items = list.items.filter((item) => !isScalar(item) || item.value !== edit.class);
      }
    }
    if (edit.method === undefined) return;
    const options =
      Object.keys(edit.options ?? {}).length === 0 ? undefined : document.createNode(edit.options, { flow: true });
    if (own !== undefined) {
      own.set('method', edit.method);
      if (options === undefined) own.delete('with');
      else own.set('with', options);
      return;
    }
    const policy = /^policy:\s*["']?([\w-]+)/m.exec(text)?.[1] ?? 'rule';
    const ids = new Set([...taken, ...maps.map((rule) => String(rule.get('id')))]);
    const rule = document.createNode({
      id: freshId(`${policy}-${slug(edit.class)}`, ids),
      classes: [edit.class],
      method: edit.method,
    }) as YAMLMap;
    (rule.get('classes') as YAMLSeq).flow = true;
    if (options !== undefined) rule.set('with', options);
    rules.items.push(rule);
  });

/** What the rules of a file that hold without condition say of each class they name. */
export const classMethods = (text: string): ReadonlyMap<string, ClassEdit & { readonly method: MethodName }> => {
  const found = new Map<string, ClassEdit & { readonly method: MethodName }>();
  const document = parseDocument(text, { schema: 'core' });
  const rules = document.get('rules');
  if (!isSeq(rules)) return found;
  for (const rule of rules.items) {
    if (!isMap(rule) || narrowing.some((field) => rule.has(field))) continue;
    const method = String(rule.get('method')) as MethodName;
    const options = rule.get('with');
    for (const name of namesOf(rule, 'classes'))
      if (!found.has(name))
        found.set(name, {
          class: name,
          method,
          ...(isMap(options) ? { options: options.toJS(document) as MethodOptions } : {}),
        });
  }
  return found;
};
