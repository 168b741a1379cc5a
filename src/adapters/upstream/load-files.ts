import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Bundle, BundleEntry, Resource } from '@medplum/fhirtypes';
import { parseExact } from './sandbox-fhir-decimals.ts';

const unzip = promisify(gunzip);

/** Every file below a folder; those that others refer to (hospitals, practitioners) first, then by name. */
export const filesToLoad = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(json|ndjson)(\.gz)?$/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
};

const referredTo = [/organi[sz]ation|hospital/i, /location/i, /practitioner/i, /patient/i];

const rank = (file: string): number => {
  const found = referredTo.findIndex((pattern) => pattern.test(basename(file)));
  return found < 0 ? referredTo.length : found;
};

/** What a file holds: the entries of a Bundle as they stand, or resources with ids. */
export interface FileContent {
  readonly bundle?: Bundle;
  readonly entries: readonly BundleEntry[];
}

/** `undefined` when the file holds no FHIR resources. Rejects with a sentence when it is broken. */
export const readFhirFile = async (file: string): Promise<FileContent | undefined> => {
  const raw = await readFile(file);
  const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? await unzip(raw) : raw;
  if (/\.ndjson(\.gz)?$/i.test(file)) return { entries: [...linesOf(file, bytes)] };
  const value = parse(bytes.toString('utf8'), file);
  if (!isResource(value)) return undefined;
  if (value.resourceType !== 'Bundle') return { entries: [{ resource: value }] };
  return { bundle: value, entries: value.entry ?? [] };
};

function* linesOf(file: string, bytes: Buffer): Generator<BundleEntry> {
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const text = bytes.toString('utf8', start, end).trim();
    start = end + 1;
    if (text === '') continue;
    const value = parse(text, `${file}, line ${line}`);
    if (!isResource(value)) throw new Error(`${file}, line ${line} is not a FHIR resource.`);
    yield { resource: value };
  }
}

const parse = (text: string, where: string): unknown => {
  try {
    return parseExact(text);
  } catch {
    throw new Error(`${where} is not JSON. Remove it from the folder or mend it.`);
  }
};

const isResource = (value: unknown): value is Resource =>
  typeof value === 'object' && value !== null && 'resourceType' in value && typeof value.resourceType === 'string';
