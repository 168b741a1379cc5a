import pg from 'pg';

/** Whether the user of this address may make tables in the database. Rejects when it cannot be reached. */
export const mayMakeTables = async (url: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 5_000 });
  try {
    await client.connect();
    const { rows } = await client.query<{ may: boolean }>(
      "SELECT has_schema_privilege(current_schema(), 'CREATE') AS may",
    );
    return rows[0]?.may === true;
  } finally {
    await client.end().catch(() => undefined);
  }
};
