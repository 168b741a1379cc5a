import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestAuthority {
  readonly url: string;
  /** Holds `cert.pem`, and what a test puts there. */
  readonly folder: string;
  /** What the authority does to its answer. */
  mangle: (response: Buffer) => Buffer;
  openssl(...words: readonly string[]): void;
  close(): Promise<void>;
}

/** A real RFC 3161 authority on loopback: openssl signs whatever is asked. */
export async function startAuthority(): Promise<TestAuthority> {
  const folder = mkdtempSync(join(tmpdir(), 'consentry-tsa-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...words: readonly string[]): void => {
    execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' });
  };
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
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      writeFileSync(at('query.tsq'), Buffer.concat(chunks));
      openssl('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', 'query.tsq', '-out', 'reply.tsr');
      response
        .writeHead(200, { 'content-type': 'application/timestamp-reply' })
        .end(authority.mangle(readFileSync(at('reply.tsr'))));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const authority: TestAuthority = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    folder,
    mangle: (response) => response,
    openssl,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
  return authority;
}
