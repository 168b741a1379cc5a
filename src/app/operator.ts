import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../ports.ts';

/** How commands on this machine reach the gateway that runs on a data folder. Whoever can read the file is its operator. */
export interface OperatorAccess {
  readonly url: string;
  readonly token: string;
}

const fileOf = (data: string): string => join(data, 'operator.json');

export const newOperatorToken = (random: Random): string => Buffer.from(random.bytes(32)).toString('base64url');

export function keepOperatorAccess(data: string, access: OperatorAccess): void {
  writeFileSync(fileOf(data), `${JSON.stringify(access)}\n`, { mode: 0o600 });
}

export function operatorAccess(data: string): OperatorAccess {
  try {
    return JSON.parse(readFileSync(fileOf(data), 'utf8')) as OperatorAccess;
  } catch {
    throw new Error(`No gateway has run on the data folder ${data}. Name the folder of the running one with --data.`);
  }
}
