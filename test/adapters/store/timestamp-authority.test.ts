import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { askTimestamp } from '../../../src/adapters/store/timestamp-authority.ts';
import { readTimestamp } from '../../../src/domain/ledger/timestamp.ts';
import { systemRandom } from './ledger-fixture.ts';
import { startAuthority, type TestAuthority } from './timestamp-server.ts';

let authority: TestAuthority;
beforeAll(async () => {
  authority = await startAuthority();
});
afterAll(() => authority.close());

const note = Buffer.from('ledger.example/test\n7\nAAAA\n\n— ledger.example/test AAAA\n');

describe('a time stamp', () => {
  it('is granted for the checkpoint, and openssl verifies what was kept', async () => {
    const token = await askTimestamp(authority.url, note, systemRandom);
    expect(readTimestamp(token)).toMatchObject({
      digest: Uint8Array.from(nodeHashing.sha256(note)),
      time: expect.stringMatching(/^\d{14}Z$/),
    });
    writeFileSync(join(authority.folder, 'kept.tsr'), token);
    writeFileSync(join(authority.folder, 'kept.checkpoint'), note);
    authority.openssl('ts', '-verify', '-data', 'kept.checkpoint', '-in', 'kept.tsr', '-CAfile', 'cert.pem');
    writeFileSync(join(authority.folder, 'kept.checkpoint'), `${note.toString()}x`);
    expect(() =>
      authority.openssl('ts', '-verify', '-data', 'kept.checkpoint', '-in', 'kept.tsr', '-CAfile', 'cert.pem'),
    ).toThrow();
  });

  it('is refused when it is for another request, not granted, cut, or no token at all', async () => {
    const older = Buffer.from(await askTimestamp(authority.url, note, systemRandom));
    authority.mangle = () => older;
    await expect(askTimestamp(authority.url, note, systemRandom)).rejects.toThrow('something else');
    authority.mangle = () => Buffer.from('30053003020102', 'hex');
    await expect(askTimestamp(authority.url, note, systemRandom)).rejects.toThrow('granted no token');
    for (const length of [0, 1, 5, 40, 120]) {
      authority.mangle = (response) => response.subarray(0, length);
      await expect(askTimestamp(authority.url, note, systemRandom)).rejects.toThrow('granted no token');
    }
    authority.mangle = () => Buffer.from('<html>');
    await expect(askTimestamp(authority.url, note, systemRandom)).rejects.toThrow('granted no token');
  });

  it('is not read from random bytes, whatever they are', () => {
    for (let i = 0; i < 5000; i++) expect(readTimestamp(Uint8Array.from(randomBytes(i % 300)))).toBeUndefined();
  });
});
