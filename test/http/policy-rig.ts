import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { openLedger } from '../../src/adapters/store/files-ledger.ts';
import { openVault } from '../../src/adapters/store/vault.ts';
import type { DecisionLog } from '../../src/app/decisions.ts';
import { type OpenPolicies, openPolicies } from '../../src/app/policies.ts';
import { openPolicyApi } from '../../src/app/policy-api.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { ClientId, Principal, PurposeOfUse, Role, UserId } from '../../src/domain/identity/principal.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { LedgerEntry } from '../../src/domain/ledger/entry.ts';
import { handleErrors } from '../../src/http/errors.ts';
import type { LedgerStore } from '../../src/ports.ts';

const principal = (user: string, role: string): Principal => ({
  user: user as UserId,
  issuer: 'https://issuer.example',
  client: 'console' as ClientId,
  roles: [role as Role],
  purpose: 'HCOMPL' as PurposeOfUse,
  scopes: [],
});

/** Tokens of this rig are names of callers. */
const callers: Readonly<Record<string, Principal | 'operator'>> = {
  adler: principal('adler', 'privacy-officer'),
  berg: principal('berg', 'privacy-officer'),
  cohen: principal('cohen', 'privacy-officer'),
  audit: principal('audit', 'auditor'),
  doctor: principal('doctor', 'clinician'),
  operator: 'operator',
};

export interface PolicyRig {
  readonly folder: string;
  readonly policies: OpenPolicies;
  /** What the ledger took, oldest first. */
  readonly entries: readonly LedgerEntry[];
  /** Lets the clock say another time. */
  at(time: string): void;
  /** Makes every append fail from now on, or work again. */
  breakLedger(broken: boolean): void;
  /** An entry as the gateway would have written it. */
  decided(entry: Partial<LedgerEntry>): Promise<void>;
  call(
    who: string,
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<{ status: number; body: Record<string, unknown>; text: string }>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The policy API over a copy of the shipped policies, a real ledger and real files. */
export const startPolicyRig = async (): Promise<PolicyRig> => {
  const root = mkdtempSync(join(tmpdir(), 'policies-'));
  const folder = join(root, 'policies');
  cpSync('policies', folder, { recursive: true });
  const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  let time = Date.parse('2026-11-22T10:00:00Z');
  const clock = { now: () => time as Instant };
  const vault = await openVault({
    folder: join(root, 'vault'),
    masterKey: random.bytes(32),
    organisation: 'Organization/o1',
    epoch: '1',
    random,
  });
  const ledger = await openLedger({ folder: join(root, 'ledger'), origin: 'test', payloadKeys: vault, clock, random });
  const entries: LedgerEntry[] = [];
  let broken = false;
  const watched: LedgerStore & DecisionLog = {
    query: ledger.query,
    open: ledger.open,
    async append(entry) {
      if (broken) throw new Error('no space left');
      const receipt = await ledger.append(entry);
      entries.push(entry);
      return receipt;
    },
    find: ledger.find,
    close: ledger.close,
  };
  const telemetry = { stage() {}, answered() {}, failed() {}, gauge() {} };
  const open = async () => {
    const policies = openPolicies(folder, '', telemetry);
    const asker = async (request: FastifyRequest) =>
      callers[request.headers.authorization?.replace('Bearer ', '') ?? ''];
    const api = await openPolicyApi({ folder, data: root, policies, ledger: watched, clock, random, telemetry, asker });
    const app: FastifyInstance = Fastify();
    handleErrors(app, () => undefined);
    api.mount(app);
    await app.ready();
    return { policies, api, app };
  };
  let running = await open();
  const close = async (): Promise<void> => {
    await running.app.close();
    await running.api.close();
    running.policies.close();
  };
  return {
    folder,
    entries,
    get policies() {
      return running.policies;
    },
    at(text) {
      time = Date.parse(text);
    },
    breakLedger(is) {
      broken = is;
    },
    async decided(entry) {
      await watched.append({
        kind: 'read',
        at: clock.now(),
        requestId: Buffer.from(random.bytes(12)).toString('hex'),
        decision: 'permit',
        patients: ['p1' as PatientId],
        resources: [],
        outcome: { status: 200, returned: 1, withheld: 0, masked: 0 },
        story: [],
        height: 0,
        ...entry,
      });
    },
    async call(who, method, path, body) {
      const response = await running.app.inject({
        method,
        url: `/api/v1/policies${path}`,
        headers: { authorization: `Bearer ${who}` },
        ...(body === undefined ? {} : { payload: body }),
      });
      return { status: response.statusCode, body: response.json(), text: response.body };
    },
    async restart() {
      await close();
      running = await open();
    },
    async stop() {
      await close();
      await ledger.close();
      await vault.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
};
