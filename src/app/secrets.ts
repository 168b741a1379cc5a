import { readFileSync } from 'node:fs';

/** Resolves `env:NAME` or `file:PATH`; the value goes to whoever needs it and is never printed. */
export function secret(reference: string, environment: Readonly<Record<string, string | undefined>>): string {
  if (reference.startsWith('env:')) {
    const value = environment[reference.slice(4)];
    if (value === undefined || value === '')
      throw new Error(
        `The environment variable ${reference.slice(4)} is not set; the configuration names it as a secret.`,
      );
    return value;
  }
  try {
    return readFileSync(reference.slice(5), 'utf8').trim();
  } catch {
    throw new Error(`The secret file ${reference.slice(5)} cannot be read; the configuration names it.`);
  }
}

/** 32 bytes written as hex. */
export function keyBytes(text: string, name: string): Uint8Array {
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) throw new Error(`${name} must be 32 bytes in hex.`);
  return new Uint8Array(Buffer.from(text.replace(/^0x/, ''), 'hex'));
}
