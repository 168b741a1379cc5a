import pg from 'pg';
import type { KeptLines, OpenLines } from '../../ports.ts';
import { inTransaction } from './postgres-transaction.ts';

export interface SharedLinesOptions {
  readonly url: string;
  /** Gateways of one name share their lines. */
  readonly origin: string;
  readonly failed: (error: unknown) => void;
  readonly followMs?: number;
}

export interface SharedLines {
  readonly open: OpenLines;
  /** Resolves when everything that was committed so far is known here. */
  follow(): Promise<void>;
  close(): Promise<void>;
}

/** `seq` is in the order of commits, since writers of one origin take turns: whoever read up to one has missed nothing before it. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS gateway_lines (seq bigserial PRIMARY KEY, origin text NOT NULL, name text NOT NULL, line text NOT NULL);
CREATE INDEX IF NOT EXISTS gateway_lines_of ON gateway_lines (origin, seq);`;
const SCHEMA_LOCK = 7_206_921_009;
/** With a hash of the origin: held from the last look to the commit. */
const TURN_LOCK = 7_206_921;

interface Row {
  readonly seq: string;
  readonly name: string;
  readonly line: string;
}

/** Lines that several gateways keep together: what one wrote the others know within half a second, and before they write themselves. */
export const sharedLines = async (options: SharedLinesOptions): Promise<SharedLines> => {
  const { origin, failed, followMs = 500 } = options;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: 2,
    connectionTimeoutMillis: 10_000,
    query_timeout: 10_000,
    statement_timeout: 10_000,
  });
  pool.on('error', () => undefined);
  try {
    await inTransaction(pool, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
      await client.query(SCHEMA);
    });
  } catch (error) {
    await pool.end();
    throw error;
  }
  const readers = new Map<string, (line: string) => void>();
  let followed = 0;
  let working: Promise<unknown> = Promise.resolve();
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const done = working.then(work);
    working = done.catch(() => undefined);
    return done;
  };
  const learn = async (client: Pick<pg.PoolClient, 'query'>): Promise<void> => {
    const { rows } = await client.query<Row>(
      'SELECT seq, name, line FROM gateway_lines WHERE origin = $1 AND seq > $2 ORDER BY seq',
      [origin, followed],
    );
    for (const { seq, name, line } of rows) {
      readers.get(name)?.(line);
      followed = Number(seq);
    }
  };
  const follow = (): Promise<void> => inTurn(() => learn(pool));
  const timer = setInterval(() => {
    follow().catch(failed);
  }, followMs);
  timer.unref();

  const write = (name: string, make: () => string | undefined): Promise<void> =>
    inTurn(async () => {
      let kept: { readonly seq: number; readonly line: string } | undefined;
      await inTransaction(pool, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [TURN_LOCK, origin]);
        await learn(client);
        const line = make();
        if (line === undefined) return;
        const { rows } = await client.query<Pick<Row, 'seq'>>(
          'INSERT INTO gateway_lines (origin, name, line) VALUES ($1, $2, $3) RETURNING seq',
          [origin, name, line],
        );
        kept = { seq: Number(rows[0]?.seq), line };
      });
      // A commit whose answer was lost is learnt by the next look, when it was one.
      if (kept === undefined) return;
      readers.get(name)?.(kept.line);
      followed = kept.seq;
    });

  return {
    open: (name, reader): Promise<KeptLines> =>
      inTurn(async () => {
        await learn(pool);
        const { rows } = await pool.query<Pick<Row, 'line'>>(
          'SELECT line FROM gateway_lines WHERE origin = $1 AND name = $2 AND seq <= $3 ORDER BY seq',
          [origin, name, followed],
        );
        for (const { line } of rows) reader(line);
        readers.set(name, reader);
        return {
          write: (make) => write(name, make),
          close: () =>
            inTurn(async () => {
              readers.delete(name);
            }),
        };
      }),
    follow,
    async close() {
      clearInterval(timer);
      await working;
      await pool.end();
    },
  };
};
