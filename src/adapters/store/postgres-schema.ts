/**
 * One set of tables for all logs of a cluster; what entries are looked up by are keyed names (`IndexNames`). `ledger_logs` hands out indexes: its row is locked until the insert that
 * used them commits, so indexes have no gaps and become visible in order.
 */
export const POSTGRES_SCHEMA = `
CREATE TABLE IF NOT EXISTS ledger_tables (id int PRIMARY KEY CHECK (id = 1), version int NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_logs (
  origin text PRIMARY KEY, next bigint NOT NULL, frozen boolean NOT NULL DEFAULT false);
ALTER TABLE ledger_logs ADD COLUMN IF NOT EXISTS frozen boolean NOT NULL DEFAULT false;
ALTER TABLE ledger_logs ADD COLUMN IF NOT EXISTS retired boolean NOT NULL DEFAULT false;
CREATE TABLE IF NOT EXISTS ledger_checkpoints (
  origin text PRIMARY KEY, size bigint NOT NULL, root bytea NOT NULL, note text NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_leases (
  origin text PRIMARY KEY, epoch bigint NOT NULL, holder text NOT NULL, renewed timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_tiles (
  origin text NOT NULL, level int NOT NULL, idx bigint NOT NULL, width int NOT NULL, bytes bytea NOT NULL,
  PRIMARY KEY (origin, level, idx, width));
CREATE TABLE IF NOT EXISTS ledger_entries (
  origin text NOT NULL, idx bigint NOT NULL, leaf bytea NOT NULL, payload bytea NOT NULL,
  request bytea, at bigint, kind smallint, permit boolean, usr bytea, client bytea, organisation bytea, purpose bytea,
  type bytea, patients bytea[] NOT NULL, resources bytea[] NOT NULL, code bytea, PRIMARY KEY (origin, idx));
ALTER TABLE ledger_entries ADD COLUMN IF NOT EXISTS code bytea;
CREATE INDEX IF NOT EXISTS ledger_entries_request ON ledger_entries (origin, request);
CREATE INDEX IF NOT EXISTS ledger_entries_patients ON ledger_entries USING gin (patients);
CREATE INDEX IF NOT EXISTS ledger_entries_resources ON ledger_entries USING gin (resources);`;

/** Of the tables; a gateway that knows a lower one only does not start on them. */
export const POSTGRES_VERSION = 1;

/** Several gateways start at once; only one of them makes the tables. */
export const SCHEMA_LOCK = 7_206_921_004;

/** No row: the log is frozen, or, for a first entry (`$17`), has one already. */
export const APPEND = `
WITH taken AS (
  UPDATE ledger_logs SET next = next + $2, frozen = $16
  WHERE origin = $1 AND NOT frozen AND (next = 0 OR NOT $17) RETURNING next - $2 AS first
), added AS (
  INSERT INTO ledger_entries
  SELECT $1, taken.first + u.n - 1, u.leaf, u.payload, u.request, u.at, u.kind, u.permit, u.usr, u.client, u.organisation,
    u.purpose, u.type, ARRAY(SELECT decode(jsonb_array_elements_text(u.patients::jsonb), 'hex')),
    ARRAY(SELECT decode(jsonb_array_elements_text(u.resources::jsonb), 'hex')), u.code
  FROM taken, unnest($3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[], $7::smallint[], $8::boolean[], $9::bytea[],
    $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::text[], $15::text[], $18::bytea[])
    WITH ORDINALITY AS u(leaf, payload, request, at, kind, permit, usr, client, organisation, purpose, type, patients,
    resources, code, n)
)
SELECT first FROM taken`;

/** Keeps the lease, or takes one that was not renewed; a change of hands is a new epoch. */
export const LEASE = `
INSERT INTO ledger_leases AS held VALUES ($1, 1, $2, now())
ON CONFLICT (origin) DO UPDATE SET renewed = now(), holder = $2,
  epoch = CASE WHEN held.holder = $2 THEN held.epoch ELSE held.epoch + 1 END
WHERE held.holder = $2 OR held.renewed < now() - make_interval(secs => $3)
RETURNING epoch`;

/** Some of the payloads of a log that is given up, and what they are found by; leaves stay. */
export const EMPTY = `
UPDATE ledger_entries SET payload = '', patients = '{}', resources = '{}', request = NULL, at = NULL, kind = NULL, permit = NULL,
  usr = NULL, client = NULL, organisation = NULL, purpose = NULL, type = NULL, code = NULL
WHERE origin = $1 AND idx >= $2 AND idx < $3 AND payload <> ''`;
