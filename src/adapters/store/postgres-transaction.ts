import type { Pool, PoolClient } from 'pg';

/** Commits what `work` did, or undoes it. A connection that the server cut is thrown away, not given back. */
export const inTransaction = async (pool: Pool, work: (client: PoolClient) => Promise<void>): Promise<void> => {
  const client = await pool.connect();
  let broken: Error | undefined;
  const cut = (error: Error): void => {
    broken = error;
  };
  client.on('error', cut);
  try {
    await client.query('BEGIN');
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(cut);
    throw error;
  } finally {
    client.off('error', cut);
    client.release(broken);
  }
};
