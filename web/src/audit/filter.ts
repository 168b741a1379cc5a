/** The filter as it stands in the address of the page and goes to the API. */
export const filterNames = ['patient', 'user', 'client', 'purpose', 'outcome', 'code', 'from', 'until'] as const;

export const filterOf = (query: URLSearchParams): URLSearchParams =>
  new URLSearchParams(
    filterNames.flatMap((name) => {
      const value = query.get(name)?.trim();
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );

/** Times of the form are local; the API takes instants. */
export const asked = (filter: URLSearchParams): URLSearchParams => {
  const query = new URLSearchParams(filter);
  for (const name of ['from', 'until']) {
    const at = new Date(query.get(name) ?? '');
    if (query.has(name)) {
      if (Number.isNaN(at.getTime())) query.delete(name);
      else query.set(name, at.toISOString());
    }
  }
  return query;
};
