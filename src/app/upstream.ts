import { readFileSync } from 'node:fs';
import { largeDocuments } from '../adapters/json/large-documents.ts';
import { upstreamAgent } from '../adapters/upstream/http-proxy.ts';
import { type ReaderOptions, upstreamReader } from '../adapters/upstream/reader.ts';
import type { Config } from '../config/schema.ts';
import { defaultLimits, type Limits } from '../domain/json/fault.ts';
import type { LargeDocuments, UpstreamReader } from '../ports.ts';
import { secret } from './secrets.ts';

export interface OpenUpstream {
  readonly upstream: ReaderOptions;
  readonly reader: UpstreamReader;
  readonly limits: Limits;
  readonly documents: LargeDocuments;
}

/** The FHIR server: its connections, the gateway's own credential there, and what an answer may cost. */
export function openUpstream(parts: {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly opened: AsyncDisposableStack;
}): OpenUpstream {
  const { config, environment, opened } = parts;
  const { url, timeoutMs, ca, bearer } = config.upstream;
  const agent = upstreamAgent(timeoutMs, ca === undefined ? undefined : readFileSync(ca, 'utf8'));
  opened.defer(() => agent.close());
  const authorization = bearer === undefined ? {} : { authorization: `Bearer ${secret(bearer, environment)}` };
  const limits: Limits = { ...defaultLimits, bytes: config.limits.answerBytes };
  const documents = largeDocuments({
    fromBytes: config.limits.threadBytes,
    threads: config.limits.threads,
    timeoutMs,
  });
  opened.defer(() => documents.close());
  const upstream = { upstream: url, agent, credential: () => authorization, timeoutMs, limits, documents };
  return { upstream, reader: upstreamReader(upstream), limits, documents };
}
