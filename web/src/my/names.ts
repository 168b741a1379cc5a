import { useQueries } from '@tanstack/react-query';
import { call } from '../api.ts';
import { wordsText } from '../text/my-words.ts';
import { useTexts } from '../text.tsx';
import { type Bundle, type HumanName, personName, type Resource } from './fhir.ts';

/** Types whose resources have a name that people know. */
const named = ['Practitioner', 'Organization', 'ResearchStudy', 'CareTeam', 'RelatedPerson', 'Patient'] as const;

export const nameOf = (resource: Resource): string | undefined => {
  const { name, title } = resource as { readonly name?: unknown; readonly title?: unknown };
  if (typeof name === 'string') return name;
  if (typeof title === 'string') return title;
  return Array.isArray(name) ? personName(name as readonly HumanName[]) : undefined;
};

/** What people call whom a reference means; the end of the reference while that is not known, or may not be. */
export const useNames = (references: readonly string[]): ((reference: string) => string) => {
  const t = useTexts(wordsText);
  const wanted = named.flatMap((type) => {
    const ids = [...new Set(references.filter((each) => each.startsWith(`${type}/`)))]
      .map((each) => each.slice(type.length + 1))
      .filter((id) => /^[A-Za-z0-9.-]{1,64}$/.test(id))
      .sort();
    return ids.length === 0 ? [] : [{ type, ids }];
  });
  const found = useQueries({
    queries: wanted.map(({ type, ids }) => ({
      queryKey: ['names', type, ids],
      staleTime: 600_000,
      queryFn: async () =>
        (await call<Bundle>(`/fhir/${type}?_id=${ids.join(',')}&_count=${ids.length}&_elements=name,title`)).body,
    })),
    combine: (results) =>
      new Map(
        results.flatMap(({ data }) =>
          (data?.entry ?? []).flatMap(({ resource }) => {
            const name = resource && nameOf(resource);
            return resource === undefined || name === undefined
              ? []
              : [[`${resource.resourceType}/${resource.id}`, name]];
          }),
        ),
      ),
  });
  return (reference) =>
    found.get(reference) ??
    (reference in t.roles ? t.roles[reference as keyof typeof t.roles] : (reference.split('/')[1] ?? reference));
};
