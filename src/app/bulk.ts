import { join } from 'node:path';
import { openGivenUpJobs } from '../adapters/store/given-up-jobs.ts';
import { openSpools } from '../adapters/store/spool.ts';
import { bulkUpstream } from '../adapters/upstream/bulk.ts';
import type { ReaderOptions } from '../adapters/upstream/reader.ts';
import type { Config } from '../config/schema.ts';
import type { Bases } from '../domain/fhir/references.ts';
import type { Limits } from '../domain/json/fault.ts';
import type { Clock, OpenLines, Random } from '../ports.ts';
import { bulkFiles } from '../stages/bulk/files.ts';
import { type JobBook, jobBook } from '../stages/bulk/jobs.ts';
import { type Bulk, bulk } from '../stages/bulk.ts';
import type { OwnerLookup } from '../stages/owners.ts';
import type { ReleaseAny } from '../stages/release/container.ts';
import type { VolumeGuard } from '../stages/volume.ts';

export interface BulkExports {
  readonly bulk: Bulk;
  readonly jobs: JobBook;
  close(): Promise<void>;
}

/** Bulk export: sealed links, a port to the upstream's jobs and files, and room on disk for one file at a time of each. */
export async function openBulk(parts: {
  readonly config: Config;
  readonly key: Uint8Array;
  readonly upstream: ReaderOptions;
  readonly bases: Bases;
  readonly release: ReleaseAny;
  readonly owners: OwnerLookup;
  readonly guard: VolumeGuard;
  readonly limits: Limits;
  readonly lines: OpenLines;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<BulkExports> {
  const { config, bases, limits } = parts;
  const stopping = new AbortController();
  const upstream = bulkUpstream({ ...parts.upstream, maxFileBytes: config.bulk.fileBytes });
  const givenUp = await openGivenUpJobs(parts.lines, parts.clock);
  const jobs = jobBook(parts.key, config.bulk.seconds, parts.random);
  return {
    jobs,
    bulk: bulk({
      jobs,
      givenUp,
      upstream,
      files: bulkFiles({
        upstream,
        spools: await openSpools(join(config.data, 'exports', 'spool')),
        release: parts.release,
        owners: parts.owners,
        limits,
        atOnce: config.bulk.atOnce,
        stopped: stopping.signal,
      }),
      guard: parts.guard,
      bases,
      fileOrigins: config.bulk.fileOrigins,
      limits,
      waitMs: 5000,
    }),
    async close() {
      stopping.abort();
      await givenUp.close();
    },
  };
}
