import { scan } from '../../../src/domain/json/scan.ts';
import type { Tape } from '../../../src/domain/json/tape.ts';

export const bytesOf = (json: string): Uint8Array => new TextEncoder().encode(json);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export const tapeOf = (json: string | Uint8Array): Tape => {
  const outcome = scan(typeof json === 'string' ? bytesOf(json) : json);
  if (!outcome.ok) throw new Error(`refused: ${outcome.fault.code} at ${outcome.fault.offset}`);
  return outcome.tape;
};
