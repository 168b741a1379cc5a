import { writeFileSync } from 'node:fs';
import { configurationPage, editorSchema } from './docs/configuration.ts';
import { errorsPage, problemCodeSystem } from './docs/errors.ts';

/** Writes the reference pages whose source is a table of the product, so that page and product cannot part. */
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

writeFileSync('docs/errors.md', errorsPage());
writeFileSync('docs/codesystem-problem.json', json(problemCodeSystem()));
writeFileSync('docs/configuration.md', configurationPage());
writeFileSync('docs/config.schema.json', json(editorSchema()));
