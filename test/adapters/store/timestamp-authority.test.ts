import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { askTimestamp } from '../../../src/adapters/store/timestamp-authority.ts';
import { readTimestamp } from '../../../src/domain/ledger/timestamp.ts';
import { systemRandom } from './ledger-fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'consentry-tsa-'));
const at = (name: string): string => join(folder, name);
const openssl = (...words: readonly string[]): void => {
  execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' });
};

let server: Server;
let url: string;
/** What the authority does to its answer. */
let mangle = (response: Buffer): Buffer => response;

/** A real authority: openssl signs whatever is asked. */
beforeAll(async () => {
  writeFileSync(
    at('tsa.cnf'),
    `[tsa]
default_tsa = one
[one]
serial = ${at('serial')}
signer_cert = ${at('cert.pem')}
signer_key = ${at('key.pem')}
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[req]
distinguished_name = dn
x509_extensions = ext
[dn]
[ext]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
`,
  );
  writeFileSync(at('serial'), '01\n');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=tsa', '-config', 'tsa.cnf', '-out', 'cert.pem');
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      writeFileSync(at('query.tsq'), Buffer.concat(chunks));
      openssl('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', 'query.tsq', '-out', 'reply.tsr');
      response
        .writeHead(200, { 'content-type': 'application/timestamp-reply' })
        .end(mangle(readFileSync(at('reply.tsr'))));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const note = Buffer.from('ledger.example/test\n7\nAAAA\n\n— ledger.example/test AAAA\n');

describe('a time stamp', () => {
  it('is granted for the checkpoint, and openssl verifies what was kept', async () => {
    const token = await askTimestamp(url, note, systemRandom);
    expect(readTimestamp(token)).toMatchObject({
      digest: Uint8Array.from(nodeHashing.sha256(note)),
      time: expect.stringMatching(/^\d{14}Z$/),
    });
    writeFileSync(at('kept.tsr'), token);
    writeFileSync(at('kept.checkpoint'), note);
    openssl('ts', '-verify', '-data', 'kept.checkpoint', '-in', 'kept.tsr', '-CAfile', 'cert.pem');
    writeFileSync(at('kept.checkpoint'), `${note.toString()}x`);
    expect(() =>
      openssl('ts', '-verify', '-data', 'kept.checkpoint', '-in', 'kept.tsr', '-CAfile', 'cert.pem'),
    ).toThrow();
  });

  it('is refused when it is for another request, not granted, cut, or no token at all', async () => {
    const older = Buffer.from(await askTimestamp(url, note, systemRandom));
    mangle = () => older;
    await expect(askTimestamp(url, note, systemRandom)).rejects.toThrow('something else');
    mangle = () => Buffer.from('30053003020102', 'hex');
    await expect(askTimestamp(url, note, systemRandom)).rejects.toThrow('granted no token');
    for (const length of [0, 1, 5, 40, 120]) {
      mangle = (response) => response.subarray(0, length);
      await expect(askTimestamp(url, note, systemRandom)).rejects.toThrow('granted no token');
    }
    mangle = () => Buffer.from('<html>');
    await expect(askTimestamp(url, note, systemRandom)).rejects.toThrow('granted no token');
  });

  it('is not read from random bytes, whatever they are', () => {
    for (let i = 0; i < 5000; i++) expect(readTimestamp(Uint8Array.from(randomBytes(i % 300)))).toBeUndefined();
  });
});
