import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { openSyslogForwarder, type SyslogForwarder, type SyslogServer } from '../../../src/adapters/store/syslog.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { syslogMessage } from '../../../src/domain/ledger/syslog.ts';
import { entryOf, open, temporaryFolder } from './ledger-fixture.ts';

let folder: string;
let ledger: FilesLedger;
let forwarder: SyslogForwarder | undefined;
let failures = 0;
beforeEach(async () => {
  folder = temporaryFolder();
  ledger = await open(join(folder, 'log'));
  failures = 0;
});
afterEach(async () => {
  await forwarder?.stop();
  forwarder = undefined;
  await ledger.close();
  rmSync(folder, { recursive: true });
});

const forward = async (server: SyslogServer): Promise<void> => {
  forwarder = await openSyslogForwarder({
    server,
    log: ledger,
    path: join(folder, 'syslog.position'),
    host: 'gw-1',
    failed: () => {
      failures++;
    },
  });
};
const append = async (from: number, count: number): Promise<void> => {
  for (let i = from; i < from + count; i++)
    await ledger.append(
      entryOf(`r${i}`, { patients: ['secret-patient' as PatientId], resources: ['Patient/secret-patient'] }),
    );
};
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

/** Reads octet-counted messages of a stream. */
const reader = (messages: string[]) => (socket: Socket) => {
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes as Buffer]);
    for (;;) {
      const space = rest.indexOf(0x20);
      const length = Number(rest.toString('latin1', 0, space));
      if (space < 0 || rest.length < space + 1 + length) return;
      messages.push(rest.toString('utf8', space + 1, space + 1 + length));
      rest = rest.subarray(space + 1 + length);
    }
  });
};
const listen = async (server: Server, port = 0): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};
const indexOf = (message: string): number => Number(/ index="(\d+)"/.exec(message)?.[1]);

describe('a syslog message', () => {
  it('is RFC 5424 with who and what, without patient and record, and with its values escaped', () => {
    const entry = entryOf('r1', {
      actor: { user: 'a"b]c\\d\ne', issuer: 'i', client: 'ward', roles: ['clinician', 'nurse'] },
      patients: ['secret-patient' as PatientId],
    });
    const message = syslogMessage(entry, 7, { host: 'gw 1ü', log: 'l' });
    expect(message).toMatch(
      /^<110>1 2026-11-22T10:00:00\.500Z gw1 consentry - read \[consentry@32473 log="l" index="7" /,
    );
    expect(message).toContain('user="a\\"b\\]c\\\\d e"');
    expect(message).toContain('roles="clinician nurse"');
    expect(message).not.toMatch(/secret-patient|Observation\/o1/);
    expect(syslogMessage({ ...entry, kind: 'denied', decision: 'deny' }, 7, { host: 'h', log: 'l' })).toMatch(
      /^<109>1 /,
    );
    expect(syslogMessage({ ...entry, kind: 'break-glass' }, 7, { host: 'h', log: 'l' })).toMatch(/^<108>1 /);
  });
});

describe('the forwarder', () => {
  it('sends what comes from its first start on, goes on after the server was away, and through a restart', async () => {
    const messages: string[] = [];
    await append(0, 3);
    let server = createServer(reader(messages));
    const sockets: Socket[] = [];
    server.on('connection', (socket) => sockets.push(socket));
    const port = await listen(server);
    await forward({ host: '127.0.0.1', port, transport: 'tcp' });
    await append(3, 5);
    await until(() => messages.length === 5);
    expect(messages.map(indexOf)).toEqual([3, 4, 5, 6, 7]);

    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await append(8, 4);
    await until(() => failures > 0);
    await forwarder?.stop();
    const again: string[] = [];
    server = createServer(reader(again));
    await listen(server, port);
    await forward({ host: '127.0.0.1', port, transport: 'tcp' });
    await until(() => again.some((message) => indexOf(message) === 11));
    expect(new Set([...messages, ...again].map(indexOf))).toEqual(new Set([3, 4, 5, 6, 7, 8, 9, 10, 11]));
    await until(() => readFileSync(join(folder, 'syslog.position'), 'utf8') === '12');
    await forwarder?.stop();
    await new Promise((resolve) => server.close(resolve));
  });

  it('sends datagrams over UDP', async () => {
    const socket = createSocket('udp4');
    const messages: string[] = [];
    socket.on('message', (bytes) => messages.push(bytes.toString()));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    await forward({ host: '127.0.0.1', port: socket.address().port, transport: 'udp' });
    await append(0, 2);
    await until(() => messages.length === 2);
    expect(messages.map(indexOf)).toEqual([0, 1]);
    socket.close();
  });

  it('sends over TLS to a server whose certificate it can check, and to no other', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      { stdio: 'ignore' },
    );
    const messages: string[] = [];
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, reader(messages));
    server.on('tlsClientError', () => undefined);
    const port = await listen(server);
    const target = { host: 'localhost', port, transport: 'tls' } as const;
    await forward(target);
    await append(0, 1);
    await until(() => failures > 0);
    expect(messages).toEqual([]);
    await forwarder?.stop();
    await forward({ ...target, ca: readFileSync(cert, 'utf8') });
    await append(1, 1);
    await until(() => messages.length > 0);
    expect(indexOf(messages[0] ?? '')).toBeLessThanOrEqual(1);
    await forwarder?.stop();
    await new Promise((resolve) => server.close(resolve));
  });
});
