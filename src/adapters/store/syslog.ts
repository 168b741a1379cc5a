import { createSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import { syslogMessage } from '../../domain/ledger/syslog.ts';
import { nodeFileSystem, readText, replaceFile } from './file-system.ts';

export interface SyslogServer {
  readonly host: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** PEM of the authority of its certificate, for `tls`; otherwise those that the system trusts. */
  readonly ca?: string;
}

interface Line {
  /** Resolves when the message has left this process. */
  send(message: string): Promise<void>;
  close(): void;
}

const CONNECT_MS = 10_000;

const overUdp = ({ host, port }: SyslogServer): Line => {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.unref();
  return {
    send: (message) =>
      new Promise((resolve, reject) =>
        socket.send(message, port, host, (error) => (error === null ? resolve() : reject(error))),
      ),
    close: () => socket.close(),
  };
};

/** Octet counting (RFC 6587 section 3.4.1, RFC 5425): a message may hold line feeds. */
const overStream = async ({ host, port, transport, ca }: SyslogServer): Promise<Line> => {
  const socket: Socket =
    transport === 'tls'
      ? connectTls({ host, port, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
      : connectTcp({ host, port });
  socket.unref();
  let broken: Error | undefined;
  socket.on('error', (error) => {
    broken = error;
  });
  socket.on('close', () => {
    broken ??= new Error('the connection was closed');
  });
  // The server says nothing; what it says is read away, so that its end is seen.
  socket.resume();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no connection in time')), CONNECT_MS);
    socket.once(transport === 'tls' ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      reject(broken ?? new Error('the connection was closed'));
    });
  }).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) return reject(broken);
        socket.write(`${Buffer.byteLength(message)} ${message}`, (error) =>
          error === undefined || error === null ? resolve() : reject(error),
        );
      }),
    close: () => socket.destroy(),
  };
};

export interface ForwardedLog {
  readonly origin: string;
  size(): number;
  leads(): boolean;
  open(index: number): Promise<{ readonly entry: LedgerEntry } | undefined>;
}

export interface SyslogForwarder {
  stop(): Promise<void>;
}

const EVERY_MS = 500;
const MOST_WAIT_MS = 30_000;
const AT_ONCE = 200;

/**
 * Sends every entry to a syslog server, in order: how far it came stands in a file, and what the server was away for
 * follows when it is back. Syslog acknowledges nothing, so after a broken connection the last messages are sent again;
 * their index tells. Entries whose keys were destroyed meanwhile are passed over.
 */
export const openSyslogForwarder = async (options: {
  readonly server: SyslogServer;
  readonly log: ForwardedLog;
  /** How far the server has been told. A new one is told from here on. */
  readonly path: string;
  readonly host: string;
  readonly failed: (error: unknown) => void;
}): Promise<SyslogForwarder> => {
  const { server, log, path, host, failed } = options;
  const kept = Number((await readText(nodeFileSystem, path)) ?? Number.NaN);
  let next = Number.isSafeInteger(kept) && kept <= log.size() ? kept : log.size();
  const begun = next;
  let line: Line | undefined;
  let stopped = false;
  let wait = EVERY_MS;

  const sendSome = async (): Promise<void> => {
    if (!log.leads() || next >= log.size()) return;
    line ??= server.transport === 'udp' ? overUdp(server) : await overStream(server);
    const until = Math.min(log.size(), next + AT_ONCE);
    const from = next;
    try {
      for (; next < until && !stopped; next++) {
        const entry = await log.open(next).then(
          (opened) => opened?.entry,
          (error: unknown) => failed(error),
        );
        if (entry !== undefined) await line.send(syslogMessage(entry, next, { host, log: log.origin }));
      }
    } finally {
      if (next > from) await replaceFile(nodeFileSystem, path, Buffer.from(String(next)));
    }
  };

  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const tick = (): void => {
    running = sendSome()
      .then(
        () => {
          wait = EVERY_MS;
        },
        (error: unknown) => {
          failed(error);
          line?.close();
          if (line !== undefined) next = Math.max(begun, next - AT_ONCE);
          line = undefined;
          wait = Math.min(MOST_WAIT_MS, wait * 2);
        },
      )
      .then(() => {
        if (stopped) return;
        timer = setTimeout(tick, next < log.size() && wait === EVERY_MS ? 0 : wait);
        timer.unref();
      });
  };
  tick();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
      line?.close();
    },
  };
};
