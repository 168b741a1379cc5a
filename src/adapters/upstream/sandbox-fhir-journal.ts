import { existsSync, mkdirSync } from 'node:fs';
import { type FileHandle, open, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseExact, stringifyExact } from './sandbox-fhir-decimals.ts';
import type { Version } from './sandbox-fhir-store.ts';

/**
 * Append-only NDJSON, one line for each commit: an array of versions. A resource's history must survive a restart with its
 * ids and version numbers, so the journal is the data; there is nothing smaller to keep instead of it.
 */
export interface Journal {
  /** Resolves when the line is written. Commits that arrive together share one write. */
  append(versions: readonly Version[]): Promise<void>;
  close(): Promise<void>;
}

export class CorruptJournal extends Error {
  constructor(file: string, line: number) {
    super(`${file}: line ${line} is not a commit of the sandbox FHIR server. Start with --fresh to begin anew.`);
  }
}

/** Hands over every complete commit of the file in order, and cuts off a last line that a crash left half-written. */
export const openJournal = async (file: string, restore: (version: Version) => void): Promise<Journal> => {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) await replay(file, restore);
  return new FileJournal(await open(file, 'a'));
};

const newline = 0x0a;

const replay = async (file: string, restore: (version: Version) => void): Promise<void> => {
  const bytes = await readFile(file);
  const end = bytes.lastIndexOf(newline) + 1;
  if (end < bytes.length) await truncate(file, end);
  let start = 0;
  for (let line = 1; start < end; line += 1) {
    const stop = bytes.indexOf(newline, start);
    const commit = parseCommit(bytes.toString('utf8', start, stop));
    if (!commit) throw new CorruptJournal(file, line);
    for (const version of commit) restore(version);
    start = stop + 1;
  }
};

const parseCommit = (line: string): readonly Version[] | undefined => {
  try {
    const commit = parseExact(line);
    return Array.isArray(commit) && commit.every(isVersion) ? commit : undefined;
  } catch {
    return undefined;
  }
};

const isVersion = (value: unknown): value is Version =>
  typeof value === 'object' && value !== null && 'type' in value && 'id' in value && 'versionId' in value;

class FileJournal implements Journal {
  readonly #handle: FileHandle;
  #queued: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  append(versions: readonly Version[]): Promise<void> {
    if (versions.length > 0) {
      this.#queued.push(`${stringifyExact(versions)}\n`);
      this.#writing = this.#writing.then(() => this.#write());
    }
    return this.#writing;
  }

  async #write(): Promise<void> {
    const lines = this.#queued.splice(0);
    if (lines.length > 0) await this.#handle.appendFile(lines.join(''));
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }
}
