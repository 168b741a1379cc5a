import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Spool, Spools } from '../../ports.ts';

const BLOCK = 64 * 1024;

/**
 * Files without a name, under keys that only this process holds: when it ends, however it ends, nobody can read what they
 * held.
 */
export async function openSpools(folder: string): Promise<Spools> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Of a process that died between making a file and taking its name away.
  for (const left of await readdir(folder)) await unlink(join(folder, left));
  return { open: () => openSpool(join(folder, randomBytes(12).toString('hex'))) };
}

async function openSpool(path: string): Promise<Spool> {
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  const key = randomBytes(32);
  const start = randomBytes(16);
  const cipher = createCipheriv('aes-256-ctr', key, start);
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let size = 0;
  let closed: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    const block = cipher.update(Buffer.concat(held, heldBytes));
    held = [];
    heldBytes = 0;
    for (let done = 0; done < block.length; ) done += (await file.write(block, done)).bytesWritten;
  };
  const close = (): Promise<void> => {
    closed ??= file.close();
    return closed;
  };

  return {
    async write(bytes) {
      held.push(bytes);
      heldBytes += bytes.length;
      size += bytes.length;
      if (heldBytes >= BLOCK) await flush();
    },
    size: () => size,
    async *read() {
      try {
        await flush();
        const decipher = createDecipheriv('aes-256-ctr', key, start);
        for (let at = 0; at < size; ) {
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, at);
          if (bytesRead === 0) throw new Error('the spool is shorter than what was written');
          at += bytesRead;
          yield decipher.update(buffer.subarray(0, bytesRead));
        }
      } finally {
        await close();
      }
    },
    close,
  };
}
