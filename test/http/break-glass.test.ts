import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Fastify from 'fastify';
import { fileLines } from '../../src/adapters/store/lines-file.ts';
import { openSealedBook } from '../../src/adapters/store/sealed-book.ts';
import { openVault, type Vault } from '../../src/adapters/store/vault.ts';
import type { EpochSeconds } from '../../src/domain/consent/grant.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { ClientId, Principal, PurposeOfUse, Role, UserId } from '../../src/domain/identity/principal.ts';
import type { Instant } from '../../src/domain/instant.ts';
import {
  type BreakGlassDesk,
  type BreakGlassNote,
  breakGlassRoutes,
  openBreakGlassDesk,
  type ReviewTask,
} from '../../src/http/break-glass.ts';

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const seconds = (value: number) => value as EpochSeconds;
const user = (id: string, roles: string[], reason?: string): Principal => ({
  user: id as UserId,
  issuer: 'i',
  client: 'c' as ClientId,
  fhirUser: id.startsWith('Patient/') ? id : `Practitioner/${id}`,
  roles: roles as unknown as readonly Role[],
  purpose: 'ETREAT' as PurposeOfUse,
  scopes: [],
  ...(reason === undefined ? {} : { reason }),
});
const doctor = user('meyer', ['clinician'], 'unconscious after a fall');
const anna = 'anna' as PatientId;

let folder = '';
let vault: Vault;
let now = 1000;
let notices: ReviewTask[] = [];
let close: (() => Promise<void>)[] = [];
const clock = { now: () => (now * 1000) as Instant };

const desk = async (): Promise<BreakGlassDesk> => {
  const book = await openSealedBook<BreakGlassNote>({
    lines: fileLines(join(folder, 'book')),
    name: 'break-glass.book',
    keys: vault,
    random,
  });
  const made = await openBreakGlassDesk({
    book,
    lines: fileLines(folder),
    tag: (text) => createHash('sha256').update(text).digest('base64url'),
    clock,
    random,
    notice: (task) => notices.push(task),
  });
  close.push(
    () => book.close(),
    () => made.close(),
  );
  return made;
};
const use = (openedAt: EpochSeconds) => ({
  patient: anna,
  principal: doctor,
  openedAt,
  until: seconds(openedAt + 60),
  reviewBy: seconds(openedAt + 100),
  requestId: 'r1',
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glass-'));
  vault = await openVault({
    folder: join(folder, 'vault'),
    masterKey: random.bytes(32),
    organisation: 'o',
    epoch: '1',
    random,
  });
  now = 1000;
  notices = [];
  close = [];
});
afterEach(async () => {
  for (const one of close) await one();
  await vault.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the desk of emergency access', () => {
  it('starts one time box for one reason, and another for another reason', async () => {
    const glass = await desk();
    expect(glass.openedAt(doctor, seconds(1000))).toBe(1000);
    expect(glass.openedAt(doctor, seconds(1500))).toBe(1000);
    expect(glass.openedAt({ ...doctor, reason: 'second collapse' }, seconds(1500))).toBe(1500);
  });

  it('makes one review task per patient and time box, and gives notice at once', async () => {
    const glass = await desk();
    await Promise.all([glass.used(use(seconds(1000))), glass.used(use(seconds(1000)))]);
    await glass.used(use(seconds(1000)));
    expect(notices).toHaveLength(1);
    expect(glass.tasks(seconds(1001))).toMatchObject([
      { patient: 'anna', user: 'meyer', state: 'open', reason: 'unconscious after a fall' },
    ]);
    expect(glass.tasks(seconds(1101))).toMatchObject([{ state: 'overdue' }]);
  });

  it('remembers time boxes and tasks over a restart, and keeps no word in the clear', async () => {
    const first = await desk();
    first.openedAt(doctor, seconds(1000));
    await first.used(use(seconds(1000)));
    const second = await desk();
    expect(second.openedAt(doctor, seconds(1050))).toBe(1000);
    await second.used(use(seconds(1000)));
    expect(second.tasks(seconds(1050))).toHaveLength(1);
    expect(readFileSync(join(folder, 'book', 'break-glass.book'), 'latin1')).not.toContain('unconscious');
  });

  it('is reviewed by overseers, once, and never by the one who broke the glass; patients see their own', async () => {
    const glass = await desk();
    await glass.used(use(seconds(1000)));
    const [task] = glass.tasks(seconds(1000));
    const callers: Record<string, Principal | 'operator'> = {
      officer: user('officer', ['privacy-officer']),
      meyer: user('meyer', ['clinician', 'privacy-officer']),
      anna: user('Patient/anna', ['patient']),
      bert: user('Patient/bert', ['patient']),
      nurse: user('nurse', ['clinician']),
    };
    const app = Fastify();
    close.push(() => app.close());
    breakGlassRoutes(app, {
      desk: glass,
      clock,
      asker: async (request) => callers[request.headers.authorization ?? ''],
      overseers: new Set(['privacy-officer']),
    });
    const list = async (who: string) => app.inject({ url: '/api/v1/break-glass', headers: { authorization: who } });
    const review = async (who: string) =>
      (
        await app.inject({
          method: 'POST',
          url: `/api/v1/break-glass/${task?.id}/review`,
          headers: { authorization: who },
          payload: { verdict: 'justified' },
        })
      ).statusCode;
    expect((await list('nurse')).statusCode).toBe(403);
    expect((await list('unknown')).statusCode).toBe(401);
    expect((await list('anna')).json<{ tasks: unknown[] }>().tasks).toHaveLength(1);
    expect((await list('bert')).json<{ tasks: unknown[] }>().tasks).toHaveLength(0);
    expect(await review('anna')).toBe(403);
    expect(await review('meyer')).toBe(403);
    expect(await review('officer')).toBe(200);
    expect(await review('officer')).toBe(404);
    expect((await list('officer')).json()).toMatchObject({ tasks: [{ state: 'justified', reviewedBy: 'officer' }] });
  });
});
