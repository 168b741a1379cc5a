import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { eventTopics } from '../../../src/adapters/chain/event-codec.ts';

export type Mood =
  | 'honest'
  | 'hung'
  | 'refusing'
  | 'garbled'
  | 'stale'
  | 'wrong-chain'
  | 'missing-log'
  | 'forged-log'
  | 'forged-header'
  | 'forged-proof'
  | 'late-receipts';

interface Call {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

interface Answer {
  readonly id: unknown;
  result?: unknown;
}

/** An RPC endpoint in front of a true one, whose mood can be changed, and that can be killed and brought back. */
export class LyingRpc {
  readonly #target: string;
  #mood: Mood = 'honest';
  /** The log that `forged-log` slips in. */
  forgery: object | undefined;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  readonly #frozen = new Map<string, unknown>();

  constructor(target: string) {
    this.#target = target;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  set mood(mood: Mood) {
    this.#mood = mood;
    this.#frozen.clear();
  }

  start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        if (this.#mood === 'hung') return;
        if (this.#mood === 'refusing') return response.writeHead(503).end();
        if (this.#mood === 'garbled') return response.end('<html>');
        try {
          response.end(JSON.stringify(await this.#answer(Buffer.concat(chunks).toString())));
        } catch {
          response.writeHead(502).end();
        }
      });
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    return new Promise((resolve) => {
      server.listen(this.#port, '127.0.0.1', () => {
        this.#port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  kill(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()));
  }

  async #answer(body: string): Promise<unknown> {
    const asked = JSON.parse(body) as Call | Call[];
    const response = await fetch(this.#target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const told = (await response.json()) as Answer | Answer[];
    const calls = new Map([asked].flat().map((call) => [call.id, call]));
    for (const answer of [told].flat()) {
      const call = calls.get(answer.id);
      if (call) this.#bend(call, answer);
    }
    return told;
  }

  #bend(call: Call, answer: Answer): void {
    const { method } = call;
    if (this.#mood === 'wrong-chain' && method === 'eth_chainId') answer.result = '0x1';
    if (this.#mood === 'stale' && method === 'eth_getBlockByNumber' && call.params[0] === 'latest') {
      if (!this.#frozen.has(method)) this.#frozen.set(method, answer.result);
      answer.result = this.#frozen.get(method);
    }
    if (method === 'eth_getBlockByNumber' && this.#mood === 'forged-header' && answer.result) {
      answer.result = { ...answer.result, stateRoot: `0x${'66'.repeat(32)}`, hash: `0x${'67'.repeat(32)}` };
    }
    if (method === 'eth_getLogs' && Array.isArray(answer.result)) {
      if (this.#mood === 'missing-log') {
        answer.result = answer.result.filter((log: { topics: string[] }) => log.topics[0] !== eventTopics.revoked);
      }
      if (this.#mood === 'forged-log' && this.forgery) {
        const { toBlock } = call.params[0] as { toBlock: string };
        answer.result = [...(answer.result as unknown[]), { ...this.forgery, blockNumber: toBlock }];
      }
    }
    if (method === 'eth_getTransactionReceipt' && this.#mood === 'late-receipts' && answer.result) {
      const hash = String(call.params[0]);
      const asked = Number(this.#frozen.get(hash) ?? 0) + 1;
      this.#frozen.set(hash, asked);
      if (asked <= 4) answer.result = null;
    }
    if (method === 'eth_getProof' && this.#mood === 'forged-proof') {
      const proof = answer.result as { storageProof: { proof: string[] }[] };
      for (const one of proof.storageProof)
        one.proof = one.proof.map((node) => node.replace(/.$/, (d) => (d === '0' ? '1' : '0')));
    }
  }
}
