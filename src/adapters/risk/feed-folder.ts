import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ExploitedVulnerability, readExploited } from '../../domain/risk/exploited.ts';
import { type FeedContent, readList, readStix } from '../../domain/risk/threat.ts';

/** One file of the drop folder; its age is that of the file, since nobody else renews it. */
export type DroppedFile =
  | { readonly name: string; readonly at: number; readonly kind: 'indicators'; readonly content: FeedContent }
  | {
      readonly name: string;
      readonly at: number;
      readonly kind: 'exploited';
      readonly entries: readonly ExploitedVulnerability[];
    }
  | { readonly name: string; readonly at: number; readonly kind: 'broken' };

/** How far an address on a plain list is trusted: it says neither since when nor how sure. */
const LIST_CONFIDENCE = 0.6;

/**
 * A folder for houses without a way out: STIX bundles and catalogues of exploited vulnerabilities (.json), lists of addresses
 * (.txt, .netset, .ipset). Other files are no feeds.
 */
export const readFeedFolder = (folder: string): readonly DroppedFile[] =>
  readdirSync(folder)
    .sort()
    .filter((name) => /\.(json|txt|netset|ipset)$/.test(name))
    .map((name) => readFeedFile(join(folder, name), name));

const readFeedFile = (file: string, name: string): DroppedFile => {
  const at = statSync(file).mtimeMs;
  try {
    const text = readFileSync(file, 'utf8');
    if (!name.endsWith('.json')) return { name, at, kind: 'indicators', content: readList(text, LIST_CONFIDENCE) };
    const json: unknown = JSON.parse(text);
    const entries = readExploited(json);
    if (entries !== undefined) return { name, at, kind: 'exploited', entries };
    const objects: unknown = typeof json === 'object' && json !== null && 'objects' in json ? json.objects : undefined;
    return Array.isArray(objects)
      ? { name, at, kind: 'indicators', content: readStix(objects) }
      : { name, at, kind: 'broken' };
  } catch {
    return { name, at, kind: 'broken' };
  }
};
