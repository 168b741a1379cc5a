import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, type House, idsIn, json, observation, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
beforeEach(() => {
  house.forget();
  house.impersonate();
});

const read = (path: string, as = 'clinician') => house.ask(`GET ${path}`, { as });
interface Page {
  readonly total?: number;
  readonly link?: readonly { readonly relation: string; readonly url: string }[];
  readonly entry?: readonly { readonly resource: { readonly resourceType: string; readonly id: string } }[];
}
const pageOf = (answer: Answer): Page => JSON.parse(answer.text) as Page;
const next = (answer: Answer): string | undefined =>
  pageOf(answer)
    .link?.find(({ relation }) => relation === 'next')
    ?.url.slice(house.base.length);
const walk = async (path: string, as = 'clinician'): Promise<readonly Answer[]> => {
  const pages: Answer[] = [];
  for (let at: string | undefined = path; at !== undefined && pages.length < 60; at = next(pages.at(-1) as Answer))
    pages.push(await read(at, as));
  return pages;
};
/** Observations of Ada and of Noor, who granted nothing, in the order of their letters, `perPage` at a time. */
const upstreamOf = (letters: string, perPage: number) => {
  const all = [...letters].map((letter, at) =>
    observation(letter === 'a' ? 'patient-ada' : 'patient-noor', { id: `${letter}-${at}` }),
  );
  house.impersonate((request, response) => {
    const from = Number(new URL(request.url ?? '', 'http://x').searchParams.get('from') ?? '0');
    const link = from + perPage < all.length ? [{ relation: 'next', url: `Observation?from=${from + perPage}` }] : [];
    json({
      resourceType: 'Bundle',
      type: 'searchset',
      total: all.length,
      link: [...link, { relation: 'last', url: `Observation?from=${all.length - 1}` }],
      entry: all.slice(from, from + perPage).map((resource) => ({ resource, search: { mode: 'match' } })),
    })(request, response);
  });
};

describe('a page tells nothing of what is withheld', () => {
  it.each([
    ['_count=0'],
    ['_count=1'],
    ['_count=2'],
    ['_summary=count'],
    ['_count=0&_total=accurate'],
    ['_count=1&_sort=_lastUpdated'],
  ])('by %s: a hidden patient is as none', async (more) => {
    for (const query of ['/Patient?family=Rahman', '/Observation?patient.family=Rahman', '/Patient?phone=555-0153']) {
      const denied = await read(`${query}&${more}`);
      const missing = await read(`${query.replace(/Rahman|555-0153/, 'Nobody')}&${more}`);
      const plain = ({ text }: Answer) => text.replaceAll(/Rahman|555-0153|Nobody/g, 'X');
      expect([query, denied.status, plain(denied)]).toEqual([query, 200, plain(missing)]);
    }
  });

  it.each([
    ['aannaa', 2, 2],
    ['nnnnnn', 2, 3],
    ['annnnn', 1, 1],
    ['nannna', 1, 2],
    ['aaaaaa', 3, 3],
    ['nnnnna', 2, 2],
  ])(
    'of %s, %i asked for, %i from the FHIR server: each page is full but the last, and all are there',
    async (letters, count, perPage) => {
      upstreamOf(letters, perPage);
      const pages = await walk(`/Observation?_count=${count}`);
      const visible = [...letters].flatMap((letter, at) => (letter === 'a' ? [`a-${at}`] : []));
      expect(pages.flatMap(({ text }) => idsIn(text))).toEqual(visible);
      const sizes = pages.map(({ text }) => idsIn(text).length);
      expect(sizes).toEqual(
        visible.length === 0
          ? [0]
          : Array.from({ length: Math.ceil(visible.length / count) }, (_, at) =>
              Math.min(count, visible.length - at * count),
            ),
      );
      expect(pages.map(({ text }) => text).join('')).not.toMatch(/n-\d|noor|"last"/);
      // What is hidden changes neither the total nor whether there is one.
      expect(pageOf(pages[0] as Answer).total).toBe(pages.length === 1 ? visible.length : undefined);
    },
  );

  it('counts exactly what may be seen, over all pages', async () => {
    upstreamOf('anananan', 3);
    expect(pageOf(await read('/Observation?status=final&_summary=count'))).toMatchObject({ total: 4 });
    expect(pageOf(await read('/Observation?status=final&_count=0'))).toMatchObject({ total: 4 });
    expect(pageOf(await read('/Observation?status=final&_count=0')).entry).toBeUndefined();
  });

  it.each([
    ['anananan', 1, 3, 4],
    ['nnnnnn', 2, 2, 0],
    ['aaaaaaa', 3, 2, 7],
    ['aann', 2, 4, 2],
  ])(
    'counts of %s beside a page of %i exactly what may be seen, when the total is asked for',
    async (letters, count, perPage, total) => {
      upstreamOf(letters, perPage);
      const pages = await walk(`/Observation?status=final&_count=${count}&_total=accurate`);
      expect(pageOf(pages[0] as Answer).total).toBe(total);
      expect(pages.flatMap(({ text }) => idsIn(text))).toHaveLength(total);
      for (const page of pages) expect(idsIn(page.text).length).toBeLessThanOrEqual(count);
      expect(pages.map(({ text }) => text).join('')).not.toMatch(/n-\d|noor/);
    },
  );

  it('leaves out the total that is asked for when it is too long to count', async () => {
    upstreamOf('a'.repeat(30), 1);
    const page = pageOf(await read('/Observation?status=final&_count=2&_total=accurate'));
    expect([page.total, page.entry?.length]).toEqual([undefined, 2]);
  });

  it('costs no further request when one page holds it all, and one more at most when there are more', async () => {
    await read('/Observation?patient=patient-ada&_count=3');
    expect(house.received).toHaveLength(1);
    house.forget();
    await read('/Patient?_count=50');
    expect(house.received).toHaveLength(1);
  });

  it('after a bound is short, and goes on', async () => {
    upstreamOf(`${'n'.repeat(60)}a`, 1);
    const pages = await walk('/Observation?_count=1');
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.length).toBeLessThan(6);
    expect(pages.flatMap(({ text }) => idsIn(text))).toEqual(['a-60']);
  });

  it('and one that cannot be had later is not taken for the end', async () => {
    upstreamOf('nna', 1);
    const first = house.received.length;
    expect(first).toBe(0);
    let asked = 0;
    house.impersonate((request, response) => {
      asked += 1;
      if (asked > 1) return json({}, 500)(request, response);
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        link: [{ relation: 'next', url: 'Observation?from=1' }],
        entry: [{ resource: observation('patient-noor', { id: 'n' }), search: { mode: 'match' } }],
      })(request, response);
    });
    const answer = await read('/Observation?_count=1');
    expect([answer.status, next(answer) === undefined, pageOf(answer).total]).toEqual([200, false, undefined]);
  });
});

describe('the pages of the FHIR server itself', () => {
  it('hold each resource once, in order, whatever the size', async () => {
    const whole = idsIn((await read('/Observation?patient=patient-ada&_sort=date&_count=200')).text);
    expect(whole.length).toBeGreaterThan(10);
    for (const count of [1, 3, 7]) {
      const pages = await walk(`/Observation?patient=patient-ada&_sort=date&_count=${count}`);
      expect(pages.slice(0, -1).every(({ text }) => idsIn(text).length === count)).toBe(true);
      expect(pages.flatMap(({ text }) => idsIn(text))).toEqual(whole);
    }
  });

  it('of all patients are those who granted, and no gap shows where another is', async () => {
    const pages = await walk('/Patient?_count=2');
    const ids = pages.flatMap(({ text }) => idsIn(text));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).not.toContain('patient-noor');
    expect(pages.slice(0, -1).map(({ text }) => idsIn(text).length)).toEqual(pages.slice(0, -1).map(() => 2));
  });

  it('bring what they include with the matches that are on them, and once', async () => {
    const pages = await walk('/Observation?patient=patient-ada&_include=Observation:patient&_count=2');
    for (const { text } of pages) {
      const ids = idsIn(text);
      expect(ids.filter((id) => id === 'patient-ada')).toHaveLength(1);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.length).toBeLessThanOrEqual(3);
    }
  });

  it('are paged by POST _search too, and the criteria stay out of URLs', async () => {
    const form = (body: string) =>
      house.ask('POST /Observation/_search', {
        as: 'clinician',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    const first = await form('patient=patient-ada&_count=2');
    house.forget();
    const second = await read(next(first) ?? '');
    expect([idsIn(first.text).length, idsIn(second.text).length]).toEqual([2, 2]);
    expect(new Set([...idsIn(first.text), ...idsIn(second.text)]).size).toBe(4);
    expect(house.received.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /fhir/Observation/_search']);
  });

  it('of a history and of an operation go on like those of a search', async () => {
    const history = await walk('/Patient/_history?_count=2');
    expect(new Set(history.flatMap(({ text }) => idsIn(text))).size).toBeGreaterThan(4);
    const entries = [...'nanana'].map((letter, at) => ({
      resource: observation(letter === 'a' ? 'patient-ada' : 'patient-noor', { id: `${letter}-${at}` }),
    }));
    house.impersonate((request, response) => {
      const from = Number(new URL(request.url ?? '', 'http://x').searchParams.get('from') ?? '0');
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        link:
          from + 2 < entries.length
            ? [{ relation: 'next', url: `Patient/patient-ada/$everything?from=${from + 2}` }]
            : [],
        entry: entries.slice(from, from + 2),
      })(request, response);
    });
    expect(idsIn((await read('/Patient/patient-ada/$everything')).text)).toEqual(['a-1', 'a-3', 'a-5']);
    const pages = await walk('/Patient/patient-ada/$everything?_count=2');
    expect(pages.map(({ text }) => idsIn(text))).toEqual([['a-1', 'a-3'], ['a-5']]);
  });

  it('are filled and go on in a batch as they do alone', async () => {
    const batch = async (...urls: readonly string[]) => {
      const answer = await house.ask('POST /', {
        as: 'clinician',
        body: {
          resourceType: 'Bundle',
          type: 'batch',
          entry: urls.map((url) => ({ request: { method: 'GET', url } })),
        },
      });
      return (JSON.parse(answer.text) as { entry: { resource: object }[] }).entry.map(({ resource }) => resource);
    };
    const [denied, missing, own] = await batch(
      'Observation?patient.family=Rahman&_count=1',
      'Observation?patient.family=Nobody&_count=1',
      'Observation?patient=patient-ada&_sort=date&_count=2',
    );
    const plain = (bundle: object | undefined) => JSON.stringify(bundle).replaceAll(/Rahman|Nobody/g, 'X');
    expect(plain(denied)).toBe(plain(missing));
    const first = { text: JSON.stringify(own) } as Answer;
    const whole = idsIn((await read('/Observation?patient=patient-ada&_sort=date&_count=200')).text);
    const pages = await walk(next(first) ?? '');
    expect([...idsIn(first.text), ...pages.flatMap(({ text }) => idsIn(text))]).toEqual(whole);
  });

  it('of the audit come from the ledger, further ones too', async () => {
    for (let at = 0; at < 6; at += 1) await read('/Patient/patient-ada');
    house.forget();
    const pages = await walk('/AuditEvent?patient=patient-ada&_count=2', 'patient');
    expect(pages.length).toBeGreaterThan(1);
    expect(house.received.filter(({ path }) => path.includes('AuditEvent'))).toEqual([]);
  });
});
