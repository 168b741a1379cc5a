import { join } from 'node:path';
import { FhirRouter } from '@medplum/fhir-router';
import type { CapabilityStatement } from '@medplum/fhirtypes';
import Fastify from 'fastify';
import { indexR4Definitions } from './sandbox-fhir-definitions.ts';
import { type Journal, openJournal } from './sandbox-fhir-journal.ts';
import { capabilityStatement } from './sandbox-fhir-metadata.ts';
import { addOperations } from './sandbox-fhir-operations.ts';
import { SandboxRepository } from './sandbox-fhir-repository.ts';
import { fhirRoutes } from './sandbox-fhir-routes.ts';
import { ResourceStore, type Version } from './sandbox-fhir-store.ts';

export interface SandboxFhirOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** Folder of the journal; without it nothing is kept. */
  readonly dir?: string;
  readonly now?: () => Date;
}

export interface SandboxFhir {
  /** Base URL of the FHIR API, without a slash at the end. */
  readonly url: string;
  readonly repository: SandboxRepository;
  /** Number of resources that are not deleted. */
  count(): number;
  /** Runs `work` alone against the repository; what it puts is written to the journal as one commit before this resolves. */
  commit<Result>(work: (repository: SandboxRepository) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/**
 * A FHIR R4 server on loopback for demos and tests: Medplum's router, batch, GraphQL, search parser and validator over a
 * store that is kept in a journal. It has no access control of any kind: that is the gateway's work.
 */
export const startSandboxFhir = async (options: SandboxFhirOptions): Promise<SandboxFhir> => {
  indexR4Definitions();
  const store = new ResourceStore();
  const journal = options.dir
    ? await openJournal(join(options.dir, 'fhir.ndjson'), (version) => store.add(version))
    : noJournal;
  const now = options.now ?? (() => new Date());
  const pending: Version[] = [];
  const repository = new SandboxRepository(store, (version) => pending.push(version), now);
  const commit = serially(async <Result>(work: (repository: SandboxRepository) => Promise<Result>): Promise<Result> => {
    try {
      return await store.atomically(() => work(repository));
    } catch (error) {
      pending.length = 0;
      throw error;
    } finally {
      await journal.append(pending.splice(0));
    }
  });

  const router = new FhirRouter({ introspectionEnabled: true });
  addOperations(router, repository);
  const server = Fastify({ bodyLimit: 256 * 1024 * 1024 });
  let statement: CapabilityStatement | undefined;
  const metadata = (base: string): CapabilityStatement => {
    statement ??= capabilityStatement(base, now());
    return statement;
  };
  server.register(fhirRoutes, { prefix: '/fhir', repository, router, commit, metadata, now });
  const address = await server.listen({ host: '127.0.0.1', port: options.port });
  return {
    url: `${address}/fhir`,
    repository,
    count: () => store.types().reduce((sum, type) => sum + [...store.all(type)].length, 0),
    commit,
    close: async () => {
      await server.close();
      await journal.close();
    },
  };
};

const noJournal: Journal = { append: () => Promise.resolve(), close: () => Promise.resolve() };

type Work<Result> = (repository: SandboxRepository) => Promise<Result>;

/** One commit at a time: a transaction must not see, or undo, what another writes. */
const serially = (run: <Result>(work: Work<Result>) => Promise<Result>) => {
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(work: Work<Result>): Promise<Result> => {
    const result = last.then(() => run(work));
    last = result.catch(() => undefined);
    return result;
  };
};
