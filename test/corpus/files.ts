import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The folder given to `npm run test:corpus -- DIR`. */
export const corpusFolder = (): string => {
  const folder = process.env.CONSENTRY_CORPUS;
  if (folder === undefined || folder === '')
    throw new Error('set CONSENTRY_CORPUS, or use: npm run test:corpus -- DIR');
  return folder;
};

export interface CorpusFile {
  /** Relative to the corpus folder, without `.gz`. */
  readonly name: string;
  readonly read: () => Uint8Array;
}

/** Every file of the corpus whose name ends so, gunzipped when it is packed; in a stable order. */
export const corpusFiles = (suffix: string, under = ''): readonly CorpusFile[] => {
  const folder = join(corpusFolder(), under);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(suffix) || path.endsWith(`${suffix}.gz`))
    .sort()
    .map((path) => ({
      name: path.replace(/\.gz$/, ''),
      read: () => {
        const bytes = readFileSync(join(folder, path));
        return new Uint8Array(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
      },
    }));
};
