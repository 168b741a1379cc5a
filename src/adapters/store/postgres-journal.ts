import { createHmac, createSecretKey } from 'node:crypto';
import pg from 'pg';
import { type Learnt, learntOf, namedIn, type RiskJournal } from '../../domain/risk/journal.ts';
import type { Random } from '../../ports.ts';
import { inTransaction } from './postgres-transaction.ts';
import { openLine, sealLine } from './sealed-line.ts';

export interface PostgresJournalOptions {
  readonly url: string;
  /** Gateways of one name share what they learn. */
  readonly origin: string;
  /** 32 bytes that they share. */
  readonly key: Uint8Array;
  readonly random: Random;
  readonly learn: (item: Learnt) => void;
  readonly trouble: (error: unknown) => void;
  readonly followMs?: number;
}

/** Rows carry no name in clear: keyed digests of the patients, for erasure, and the sealed item. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS risk_learnt (
  seq bigserial PRIMARY KEY, origin text NOT NULL, node text NOT NULL, n bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(), names text[] NOT NULL, sealed text NOT NULL, UNIQUE (origin, node, n));
CREATE INDEX IF NOT EXISTS risk_learnt_names ON risk_learnt USING gin (names);
CREATE INDEX IF NOT EXISTS risk_learnt_at ON risk_learnt (at);`;

const SCHEMA_LOCK = 7_206_921_005;
/** Held from taking numbers to the commit: a number that is visible has none below it that is not. */
const INSERT_LOCK = 7_206_921_006;
const KEPT = '7 days';
const PENDING = 50_000;
const BATCH = 1_000;

/** The journal that several gateways share: each adds what it saw and follows what the others did. */
export const openPostgresJournal = async (options: PostgresJournalOptions): Promise<RiskJournal> => {
  const { origin, random, learn, trouble, followMs = 500 } = options;
  const key = createSecretKey(options.key);
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
  const digest = (patient: string): string =>
    createHmac('sha256', key).update(`name\n${patient}`).digest('hex').slice(0, 32);
  let node = Buffer.from(random.bytes(8)).toString('hex');
  /** Of what this gateway added, and of what it learnt from the others. */
  let added = 0;
  let followed = 0;
  let pending: { readonly n: number; readonly item: Learnt }[] = [];
  let working: Promise<void> = Promise.resolve();

  const publish = async (): Promise<void> => {
    while (pending.length > 0) {
      const batch = pending.slice(0, BATCH);
      await inTransaction(pool, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock($1)', [INSERT_LOCK]);
        await client.query(
          `INSERT INTO risk_learnt (origin, node, n, names, sealed)
           SELECT $1, $2, u.n, ARRAY(SELECT jsonb_array_elements_text(u.names::jsonb)), u.sealed
           FROM unnest($3::bigint[], $4::text[], $5::text[]) AS u(n, names, sealed) ORDER BY u.n
           ON CONFLICT DO NOTHING`,
          [
            origin,
            node,
            batch.map(({ n }) => n),
            batch.map(({ item }) => JSON.stringify([...new Set(namedIn(item))].map(digest))),
            batch.map(({ item }) => sealLine(key, random, JSON.stringify(item))),
          ],
        );
      });
      pending = pending.slice(batch.length);
    }
  };
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const done = working.then(work);
    working = done.then(() => undefined, trouble);
    return done;
  };
  const taught = (sealed: string): number => {
    const item = learntOf(openLine(key, sealed));
    if (item === undefined) return 0;
    learn(item);
    return 1;
  };
  const follow = async (): Promise<void> => {
    for (;;) {
      const { rows } = await pool.query<Row>(
        `SELECT seq, node, n, sealed FROM risk_learnt WHERE origin = $1 AND node <> $2 AND seq > $3 ORDER BY seq LIMIT ${BATCH}`,
        [origin, node, followed],
      );
      for (const { seq, sealed } of rows) {
        taught(sealed);
        followed = Number(seq);
      }
      if (rows.length < BATCH) return;
    }
  };
  const round = (): Promise<void> =>
    inTurn(async () => {
      await publish();
      await follow();
    });
  let timers: readonly NodeJS.Timeout[] = [];

  return {
    replay: (since) =>
      inTurn(async () => {
        if (typeof since?.node === 'string') node = since.node;
        added = Number(since?.n ?? 0);
        followed = Number(since?.seq ?? 0);
        const mark = { n: added, seq: followed };
        let last = 0;
        let count = 0;
        for (let more = true; more; ) {
          const { rows } = await pool.query<Row>(
            `SELECT seq, node, n, sealed FROM risk_learnt WHERE origin = $1 AND seq > $2 AND
               ((node <> $3 AND seq > $4) OR (node = $3 AND n > $5)) ORDER BY seq LIMIT ${BATCH}`,
            [origin, last, node, mark.seq, mark.n],
          );
          for (const row of rows) {
            count += taught(row.sealed);
            last = Number(row.seq);
            if (row.node === node) added = Math.max(added, Number(row.n));
            else followed = Math.max(followed, last);
          }
          more = rows.length === BATCH;
        }
        const sweep = (): void => {
          pool
            .query(`DELETE FROM risk_learnt WHERE origin = $1 AND at < now() - interval '${KEPT}'`, [origin])
            .catch(trouble);
        };
        timers = [setInterval(() => round().catch(() => undefined), followMs), setInterval(sweep, 3_600_000)];
        for (const timer of timers) timer.unref();
        return count;
      }),
    add(item) {
      added++;
      if (pending.length < PENDING) pending.push({ n: added, item });
      else if (added % PENDING === 0) trouble(new Error('the journal takes nothing'));
    },
    mark: () => ({ node, n: added, seq: followed }),
    settle: () => Promise.resolve(),
    sync: round,
    forget: (patient) =>
      inTurn(async () => {
        await publish();
        await pool.query('DELETE FROM risk_learnt WHERE origin = $1 AND names @> ARRAY[$2]', [origin, digest(patient)]);
        pending.push({ n: ++added, item: { forgotten: patient } });
        await publish();
      }),
    async close() {
      for (const timer of timers) clearInterval(timer);
      await inTurn(publish).catch(() => undefined);
      await pool.end();
    },
  };
};

interface Row {
  readonly seq: string;
  readonly node: string;
  readonly n: string;
  readonly sealed: string;
}
