import { type DroppedFile, readFeedFolder } from '../adapters/risk/feed-folder.ts';
import { boundedJson, FeedFailure, TaxiiClient } from '../adapters/risk/taxii.ts';
import type { Config } from '../config/schema.ts';
import type { FeedTold, ThreatStatus } from '../domain/console/risk.ts';
import {
  type ExploitedVulnerability,
  exploitedIn,
  readExploited,
  type Software,
  softwareOf,
} from '../domain/risk/exploited.ts';
import type { ThreatFeeds } from '../domain/risk/threat.ts';
import { ownRead } from '../domain/upstream.ts';
import type { Clock, Telemetry, UpstreamReader } from '../ports.ts';
import { secret } from './secrets.ts';

export interface ThreatOptions {
  readonly config: Config['threatFeeds'];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly feeds: ThreatFeeds;
  readonly reader: UpstreamReader;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export interface Threats {
  status(): ThreatStatus;
  /** Resolves when the first round is done, however it went: feeds raise a score, nothing waits for them. */
  readonly first: Promise<void>;
  stop(): Promise<void>;
}

/** Keeps the threat feeds fresh. A feed that cannot be had ages, loses weight and raises the alarm; no call waits for it. */
export function watchThreats(options: ThreatOptions): Threats {
  const { config, feeds, clock, telemetry } = options;
  const controller = new AbortController();
  const servers = config.servers.map(({ name, url, collections, authorization }) => ({
    name,
    client: new TaxiiClient({
      name,
      url,
      ...(collections === undefined ? {} : { collections }),
      ...(authorization === undefined ? {} : { authorization: secret(authorization, options.environment) }),
    }),
  }));
  const failing = new Set<string>();
  let dropped = new Set<string>();
  const catalogues = new Map<string, readonly ExploitedVulnerability[]>();
  let software: Software | undefined;

  const trouble = (error: unknown): void =>
    telemetry.failed('threat-feed', error instanceof Error ? error.name : typeof error);

  async function attempt(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(AbortSignal.any([controller.signal, AbortSignal.timeout(config.timeoutMs)]));
      failing.delete(name);
    } catch (error) {
      if (controller.signal.aborted) return;
      failing.add(name);
      trouble(error);
    }
  }

  async function round(): Promise<void> {
    await Promise.all([
      ...servers.map(({ name, client }) =>
        attempt(name, async (signal) => feeds.load(name, await client.poll(signal), clock.now())),
      ),
      ...(config.exploited === undefined
        ? []
        : [attempt(CATALOGUE, (signal) => fetchCatalogue(config.exploited ?? '', signal))]),
      readSoftware(),
    ]);
    if (config.folder !== undefined) readFolder(config.folder);
    const stale = status().feeds.filter((feed) => feed.stale).length;
    if (stale > 0) telemetry.failed('threat-feed', 'StaleFeed');
    telemetry.gauge('threat_feeds_stale', stale);
    telemetry.gauge('threat_upstream_exploited', status().upstream.exploited.length);
  }

  async function fetchCatalogue(url: string, signal: AbortSignal): Promise<void> {
    const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (!response.ok) throw new FeedFailure('the catalogue was refused');
    const entries = readExploited(await boundedJson(response));
    if (entries === undefined) throw new FeedFailure('the catalogue has no vulnerabilities');
    catalogues.set(CATALOGUE, entries);
  }

  async function readSoftware(): Promise<void> {
    const response = await options.reader.read(ownRead('/metadata'), controller.signal);
    if (response.kind === 'fault' || response.status !== 200) return;
    try {
      software = softwareOf(JSON.parse(Buffer.from(response.body).toString('utf8')));
    } catch (error) {
      trouble(error);
    }
  }

  function readFolder(folder: string): void {
    let files: readonly DroppedFile[];
    try {
      files = readFeedFolder(folder);
      failing.delete(folder);
    } catch (error) {
      // The files that were read before are kept and age.
      failing.add(folder);
      trouble(error);
      return;
    }
    const now = new Set(files.map(({ name }) => name));
    for (const name of dropped) {
      if (now.has(name)) continue;
      feeds.drop(`${FOLDER}${name}`);
      catalogues.delete(name);
      failing.delete(name);
    }
    dropped = now;
    for (const file of files) {
      if (file.kind === 'broken') {
        if (!failing.has(file.name)) trouble(new FeedFailure());
        failing.add(file.name);
        continue;
      }
      failing.delete(file.name);
      if (file.kind === 'exploited') catalogues.set(file.name, file.entries);
      else feeds.load(`${FOLDER}${file.name}`, file.content, file.at);
    }
  }

  function status(): ThreatStatus {
    const known = new Map(feeds.status(clock.now()).map((feed) => [feed.name, feed]));
    const told = (name: string, kind: FeedTold['kind'], failed: boolean): FeedTold => {
      const feed = known.get(name);
      if (feed === undefined)
        return { name, kind, indicators: 0, unknownPatterns: 0, excluded: 0, stale: true, weight: 0, failed };
      return { ...feed, kind, fetchedAt: new Date(feed.fetchedAt).toISOString(), failed };
    };
    const files = [...dropped].filter((name) => !catalogues.has(name));
    return {
      feeds: [
        ...servers.map(({ name }) => told(name, 'taxii', failing.has(name))),
        ...files.map((name) => told(`${FOLDER}${name}`, 'file', failing.has(name))),
      ],
      upstream: {
        ...(software === undefined ? {} : { software }),
        exploited: software === undefined ? [] : exploitedIn(software, [...catalogues.values()].flat()),
      },
    };
  }

  const idle = servers.length === 0 && config.folder === undefined && config.exploited === undefined;
  const first = idle ? Promise.resolve() : round();
  let running = first;
  const timer = idle
    ? undefined
    : setInterval(() => {
        running = running.then(round);
      }, config.everySeconds * 1000);
  timer?.unref();
  return {
    status,
    first,
    async stop() {
      clearInterval(timer);
      controller.abort();
      await running;
    },
  };
}

const FOLDER = 'folder/';
const CATALOGUE = 'exploited vulnerabilities';
