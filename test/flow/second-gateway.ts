import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { type FileSystem, nodeFileSystem } from '../../src/adapters/store/file-system.ts';
import { type GatewayOptions, type RunningGateway, startGateway } from '../../src/app/start-gateway.ts';
import type { Config } from '../../src/config/schema.ts';
import type { Rig } from './rig.ts';

export interface Second {
  readonly gateway: RunningGateway;
  /** Where it keeps its files. */
  readonly data: string;
  get(path: string, persona: string): supertest.Test;
  close(): Promise<void>;
}

/** Another gateway on the chain, vault and issuer of the rig, with something about it changed. */
export async function startSecond(
  rig: Rig,
  changes: Partial<Omit<GatewayOptions, 'config'>> & { readonly config?: Partial<Config> },
): Promise<Second> {
  const { config, ...options } = changes;
  const data = config?.data ?? mkdtempSync(join(tmpdir(), 'consentry-second-'));
  for (const name of ['patients.vault', 'erased.list'])
    cpSync(join(rig.state, 'vault', name), join(data, 'vault', name));
  const { relayerKey: _relayerKey, ...chain } = rig.demo.config.chain;
  const gateway = await startGateway({
    log: 'silent',
    environment: rig.demo.environment,
    ...options,
    config: { ...rig.demo.config, chain, data, listen: { host: '127.0.0.1', port: 0 }, ...config },
  }).catch((error: unknown) => {
    rmSync(data, { recursive: true, force: true });
    throw error;
  });
  const http = supertest(gateway.url);
  return {
    gateway,
    data,
    get: (path, persona) =>
      http
        .get(`/fhir${path}`)
        .set('authorization', `Bearer ${rig.demo.tokens.find((each) => each.persona.name === persona)?.token}`),
    async close() {
      await gateway.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** A disk on which nothing can be written or read while `full` says so. */
export const flakyFiles = (full: () => boolean): FileSystem => ({
  ...nodeFileSystem,
  openFile: async (path) => {
    const file = await nodeFileSystem.openFile(path);
    return new Proxy(file, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          if (full() && name !== 'close')
            return Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
          return (member as (...given: unknown[]) => unknown).apply(target, args);
        };
      },
    });
  },
});

export interface OddUpstream {
  readonly url: string;
  /** Paths of the calls that it received, facts aside. */
  readonly received: string[];
  close(): Promise<void>;
}

/** A server under the test's own control in the place of the FHIR server. */
export async function oddUpstream(answer: RequestListener): Promise<OddUpstream> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
