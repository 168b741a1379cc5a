import { afterEach, describe, expect, it } from '@jest/globals';
import { type LargeDocumentReader, largeDocuments } from '../../../src/adapters/json/large-documents.ts';
import { readAhead } from '../../../src/domain/json/ahead.ts';
import { toValue } from '../../../src/domain/json/cursor.ts';
import { defaultLimits } from '../../../src/domain/json/fault.ts';
import { scan } from '../../../src/domain/json/scan.ts';

const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const document = { resourceType: 'Bundle', entry: Array.from({ length: 9000 }, (_, i) => ({ i, text: `é "${i}"` })) };
const code = (text: string): URL => new URL(`data:text/javascript,${encodeURIComponent(text)}`);
const listening = (body: string): URL =>
  code(`import { parentPort } from 'node:worker_threads'; parentPort.on('message', (task) => { ${body} });`);
const exhausting = 'const all = []; for (;;) all.push(Array(1e5).fill(task.limits.bytes + Math.random()))';

let reader: LargeDocumentReader | undefined;
const open = (options: { file?: URL; threads?: number; timeoutMs?: number } = {}): LargeDocumentReader => {
  reader = largeDocuments({ fromBytes: 1000, threads: 1, timeoutMs: 20_000, ...options });
  return reader;
};
const nameOf = (pending: Promise<Uint8Array> | undefined): Promise<string> =>
  pending?.then(
    () => 'read',
    (error: unknown) => (error as Error).name,
  ) ?? Promise.resolve('small');

afterEach(async () => {
  await reader?.close();
});

describe('a large document', () => {
  it('is read in a thread as it would be here, and then costs nothing to read', async () => {
    const given = bytesOf(document);
    const copy = given.slice();
    const back = await open().ahead(given, defaultLimits);
    if (back === undefined) throw new Error('it was not read ahead');
    expect(given.length).toBe(0);
    expect(Buffer.from(back).equals(copy)).toBe(true);
    const known = scan(back, defaultLimits);
    expect(known).toBe(readAhead(back, defaultLimits));
    if (!known.ok) throw new Error(known.fault.code);
    expect(known.tape.bytes).toBe(back);
    expect(toValue(known.tape, 0)).toEqual(document);
  });

  it('is refused for the reason and at the byte for which it would be refused here', async () => {
    const broken = new TextEncoder().encode(`{"text":"${'x'.repeat(70_000)}","a":1,"a":2}`);
    const here = scan(broken.slice());
    const back = (await open().ahead(broken, defaultLimits)) as Uint8Array;
    expect(here).toMatchObject({ ok: false, fault: { code: 'duplicate-key' } });
    expect(scan(back, defaultLimits)).toEqual(here);
  });

  it('is read again under other limits than those it was read under', async () => {
    const back = (await open().ahead(bytesOf(document), defaultLimits)) as Uint8Array;
    expect(scan(back, { ...defaultLimits, entries: 10 })).toMatchObject({ ok: false, fault: { code: 'entries' } });
  });

  it('leaves memory that others share where it is', async () => {
    const shared = new Uint8Array([...bytesOf({ neighbour: 1 }), ...bytesOf(document)]);
    const part = shared.subarray(bytesOf({ neighbour: 1 }).length);
    const back = (await open().ahead(part, defaultLimits)) as Uint8Array;
    expect(shared.length).toBeGreaterThan(0);
    expect(scan(back, defaultLimits).ok).toBe(true);
  });

  it('is left alone when it is small, or larger than any that is read', () => {
    const { ahead } = open();
    expect(ahead(bytesOf({ a: 1 }), defaultLimits)).toBeUndefined();
    expect(ahead(bytesOf(document), { ...defaultLimits, bytes: 5000 })).toBeUndefined();
  });

  it.each([
    ['crashes', 'throw new TypeError()'],
    ['ends', 'process.exit(0)'],
    ['runs out of memory', exhausting],
  ])('is not read by a thread that %s', async (_what, body) => {
    const { ahead } = open({ file: listening(body) });
    expect(await nameOf(ahead(bytesOf(document), defaultLimits))).toBe('ReaderFailed');
    // The next one gets a thread of its own.
    expect(await nameOf(ahead(bytesOf(document), defaultLimits))).toBe('ReaderFailed');
  });

  it('is not waited for longer than it may take, in the thread or in the queue', async () => {
    const { ahead } = open({ file: listening('for (;;);'), timeoutMs: 300 });
    const both = [ahead(bytesOf(document), defaultLimits), ahead(bytesOf(document), defaultLimits)].map(nameOf);
    expect(await Promise.all(both)).toEqual(['ReaderTimeout', 'ReaderTimeout']);
  });

  it('waits its turn when all threads are busy', async () => {
    const { ahead } = open({ threads: 2 });
    const all = await Promise.all(Array.from({ length: 7 }, () => ahead(bytesOf(document), defaultLimits)));
    for (const back of all) expect(scan(back as Uint8Array, defaultLimits).ok).toBe(true);
  });

  it('is not read once the gateway is closing', async () => {
    const { ahead, close } = open();
    await close();
    expect(await nameOf(ahead(bytesOf(document), defaultLimits))).toBe('ReaderFailed');
  });
});
