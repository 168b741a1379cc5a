import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { openProposals } from '../adapters/policies/proposals.ts';
import { policyShelf } from '../adapters/policies/shelf.ts';
import { approvalKey, signText, verifySignature } from '../adapters/policies/signatures.ts';
import { createTaskRunner } from '../adapters/policies/task-runner.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { policyRoutes } from '../http/policies.ts';
import { createPolicyDesk } from '../http/policy-desk.ts';
import type { Clock, LedgerStore, Random, Telemetry } from '../ports.ts';
import { type DecisionLog, decisionsSince } from './decisions.ts';
import type { OpenPolicies } from './policies.ts';

export interface PolicyApiParts {
  /** Folder of the policies. */
  readonly folder: string;
  readonly data: string;
  readonly policies: OpenPolicies;
  readonly ledger: LedgerStore & DecisionLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
}

export interface PolicyApi {
  mount(app: FastifyInstance): void;
  close(): Promise<void>;
}

const TASK_LIMIT_MS = 120_000;
const SCHEDULE_MS = 1000;

/** The desk where officers propose, approve, schedule and take back changes of the policies. */
export async function openPolicyApi(parts: PolicyApiParts): Promise<PolicyApi> {
  const { folder, data, policies, ledger, clock, random, telemetry } = parts;
  const runner = createTaskRunner(TASK_LIMIT_MS);
  const key = approvalKey(join(data, 'policy-approvals.pem'));
  const onDisk = policyShelf(folder);
  const desk = createPolicyDesk({
    // A folder that somebody left broken is no ground to build on: what is in force is.
    shelf: { ...onDisk, read: policies.files },
    proposals: openProposals(join(folder, '.proposals')),
    run: runner.run,
    reload: policies.reload,
    sign: (text) => signText(key.privateKey, text),
    verify: (text, signature) => verifySignature(key.publicKey, text, signature),
    ledger,
    clock,
    random,
    failed: (part, name) => telemetry.failed(part, name),
  });
  const failed = (part: string) => (error: unknown) =>
    telemetry.failed(part, error instanceof Error ? error.name : typeof error);

  // What changed while no gateway ran is told at the start.
  const seenFile = join(data, 'policies.seen');
  const tell = async (hash: string): Promise<void> => {
    await desk.changedOutside(hash);
    writeFileSync(seenFile, hash);
  };
  const hash = policies.current()?.hash ?? '';
  if (existsSync(seenFile) && readFileSync(seenFile, 'utf8') !== hash) await tell(hash);
  else writeFileSync(seenFile, hash);
  policies.onChange((_from, to) => void tell(to.hash).catch(failed('policy-record')));

  const timer = setInterval(() => void desk.activateDue().catch(failed('policy-schedule')), SCHEDULE_MS);
  timer.unref();
  return {
    mount: (app) =>
      policyRoutes(app, {
        desk,
        current: policies.current,
        files: policies.files,
        faults: policies.faults,
        run: runner.run,
        facts: (since) => decisionsSince(ledger, since),
        clock,
        asker: parts.asker,
      }),
    async close() {
      clearInterval(timer);
      await runner.close();
    },
  };
}
