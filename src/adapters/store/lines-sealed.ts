import { createSecretKey, hkdfSync } from 'node:crypto';
import type { OpenLines, Random } from '../../ports.ts';
import { openLine, sealLine } from './sealed-line.ts';

/** Lines that only holders of the key read: each sealed on its own. What cannot be opened is passed over, and told. */
export const sealedLines =
  (open: OpenLines, key: Uint8Array, random: Random, unreadable: () => void): OpenLines =>
  async (name, learn) => {
    const sealing = createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `consentry lines ${name}`, 32)));
    const lines = await open(name, (sealed) => {
      const line = openLine(sealing, sealed);
      if (line === undefined) unreadable();
      else learn(line);
    });
    return {
      write: (make) =>
        lines.write(() => {
          const line = make();
          return line === undefined ? undefined : sealLine(sealing, random, line);
        }),
      close: () => lines.close(),
    };
  };
