import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import { openSyslogForwarder, type SyslogForwarder } from '../adapters/store/syslog.ts';
import type { Config } from '../config/schema.ts';
import type { Telemetry } from '../ports.ts';

/** Tells a syslog server of every entry, when the configuration names one. */
export async function openForwarding(
  config: Config,
  ledger: FilesLedger,
  telemetry: Telemetry,
): Promise<SyslogForwarder | undefined> {
  const { syslog } = config.ledger;
  if (syslog === undefined) return undefined;
  const { ca, ...server } = syslog;
  return openSyslogForwarder({
    server: { ...server, ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }) },
    log: ledger,
    path: join(config.data, 'syslog.position'),
    host: hostname(),
    failed: (error) => telemetry.failed('syslog', error instanceof Error ? error.name : typeof error),
  });
}
