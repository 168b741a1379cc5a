import type { Pool, PoolClient } from 'pg';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { IndexNames, NamedColumn } from './index-names.ts';
import { POSTGRES_SCHEMA, POSTGRES_VERSION, SCHEMA_LOCK } from './postgres-schema.ts';
import { inTransaction } from './postgres-transaction.ts';

/** The tables were made by a version that this one knows nothing of: writing to them could harm the log. */
export class LedgerTablesUnknown extends Error {
  override readonly name = 'LedgerTablesUnknown';
}

const AT_ONCE = 1000;

interface OldRow {
  readonly origin: string;
  readonly idx: string;
  readonly leaf: Buffer;
  readonly payload: Buffer;
  readonly request: string | null;
  readonly at: string | null;
  readonly kind: number | null;
  readonly permit: boolean | null;
  readonly usr: string | null;
  readonly client: string | null;
  readonly organisation: string | null;
  readonly purpose: string | null;
  readonly type: string | null;
  readonly patients: readonly string[];
  readonly resources: readonly string[];
}

const INSERT_OLD = `
INSERT INTO ledger_entries (origin, idx, leaf, payload, request, at, kind, permit, usr, client, organisation, purpose, type, patients, resources)
SELECT u.origin, u.idx, u.leaf, u.payload, u.request, u.at, u.kind, u.permit, u.usr, u.client, u.organisation, u.purpose, u.type,
  ARRAY(SELECT decode(jsonb_array_elements_text(u.patients::jsonb), 'hex')),
  ARRAY(SELECT decode(jsonb_array_elements_text(u.resources::jsonb), 'hex'))
FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[], $7::smallint[], $8::boolean[], $9::bytea[],
  $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::text[], $15::text[])
  AS u(origin, idx, leaf, payload, request, at, kind, permit, usr, client, organisation, purpose, type, patients, resources)`;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Tables of before entries were looked up by keyed names: the words in them are replaced. Leaves and payloads stay as they are. */
const nameOldRows = async (client: PoolClient, names: IndexNames): Promise<void> => {
  await client.query('ALTER TABLE ledger_entries RENAME TO ledger_entries_in_clear');
  await client.query('ALTER INDEX ledger_entries_pkey RENAME TO ledger_entries_in_clear_pkey');
  for (const index of ['request', 'patients', 'resources'])
    await client.query(`DROP INDEX IF EXISTS ledger_entries_${index}`);
  await client.query(POSTGRES_SCHEMA);
  let after = { origin: '', idx: '-1' };
  for (;;) {
    const { rows } = await client.query<OldRow>(
      'SELECT * FROM ledger_entries_in_clear WHERE (origin, idx) > ($1, $2) ORDER BY origin, idx LIMIT $3',
      [after.origin, after.idx, AT_ONCE],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    const named = (name: NamedColumn, of: (row: OldRow) => string | null): (Uint8Array | null)[] =>
      rows.map((row) => {
        const value = of(row);
        return value === null ? null : names.of(name, value);
      });
    await client.query(INSERT_OLD, [
      rows.map(({ origin }) => origin),
      rows.map(({ idx }) => idx),
      rows.map(({ leaf }) => leaf),
      rows.map(({ payload }) => payload),
      named('request', ({ request }) => request),
      rows.map(({ at }) => at),
      rows.map(({ kind }) => kind),
      rows.map(({ permit }) => permit),
      named('user', ({ usr }) => usr),
      named('client', (row) => row.client),
      named('organisation', ({ organisation }) => organisation),
      named('purpose', ({ purpose }) => purpose),
      named('type', ({ type }) => type),
      rows.map(({ patients }) => JSON.stringify(patients.map((one) => hex(names.ofPatient(one as PatientId))))),
      rows.map(({ resources }) => JSON.stringify(resources.map((one) => hex(names.of('resource', one))))),
    ]);
    after = last;
  }
  await client.query('DROP TABLE ledger_entries_in_clear');
};

/** The tables as this version wants them: made, or brought up from an earlier version, once, whichever gateway comes first. */
export const prepareTables = (
  pool: Pool,
  names: IndexNames,
  log: { readonly origin: string; readonly root: Uint8Array; readonly note: string },
): Promise<void> =>
  inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
    const made = await client.query("SELECT to_regclass('ledger_tables') IS NOT NULL AS told");
    const told = made.rows[0]?.told === true ? await client.query('SELECT version FROM ledger_tables') : undefined;
    const version = Number(told?.rows[0]?.version ?? 0);
    if (version > POSTGRES_VERSION)
      throw new LedgerTablesUnknown(
        `The tables of the ledger in PostgreSQL are of version ${version}, and this version of Consentry knows them up to ${POSTGRES_VERSION}: start the newer Consentry, or restore a backup of the database.`,
      );
    const { rows } = await client.query(
      "SELECT data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'ledger_entries' AND column_name = 'request'",
    );
    if (rows[0]?.data_type === 'text') await nameOldRows(client, names);
    else await client.query(POSTGRES_SCHEMA);
    await client.query(
      'INSERT INTO ledger_tables VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET version = excluded.version',
      [POSTGRES_VERSION],
    );
    await client.query('INSERT INTO ledger_logs VALUES ($1, 0, false) ON CONFLICT DO NOTHING', [log.origin]);
    await client.query('INSERT INTO ledger_checkpoints VALUES ($1, 0, $2, $3) ON CONFLICT DO NOTHING', [
      log.origin,
      log.root,
      log.note,
    ]);
  });
