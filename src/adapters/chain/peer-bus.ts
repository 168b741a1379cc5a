import { Agent } from 'undici';
import type { GrantId } from '../../domain/consent/grant.ts';
import type { SignedRevocation } from './sign.ts';

/** Tells other gateways of revocations at once. What it carries is what the patient signed: a peer checks that, not us. */
export interface PeerBus {
  /** Never waits; tried again until each peer has answered, or the chain must have told it. */
  announce(signed: SignedRevocation): void;
  /** Messages that some peer has not answered yet. */
  waiting(): number;
  close(): Promise<void>;
}

export interface PeerBusOptions {
  /** Base URLs. */
  readonly peers: readonly string[];
  readonly path: string;
  readonly timeoutMs: number;
  /** After this a message is dropped: the chain carries every revocation too. */
  readonly keepMs: number;
  readonly failed: (errorName: string) => void;
}

const most = 100;
const mostWaiting = 10_000;

export function createPeerBus(options: PeerBusOptions): PeerBus {
  const agent = new Agent({ connections: 2, keepAliveTimeout: 30_000 });
  const lines = options.peers.map((peer) => new Line(new URL(options.path, peer).href, agent, options));
  return {
    announce(signed) {
      for (const line of lines) line.add(signed);
    },
    waiting: () => lines.reduce((sum, line) => sum + line.waiting, 0),
    async close() {
      await Promise.all(lines.map((line) => line.close()));
      await agent.destroy();
    },
  };
}

interface Message {
  readonly signed: SignedRevocation;
  readonly until: number;
}

class PeerRefused extends Error {
  override readonly name = 'PeerRefused';
}

/** To one peer, in order, several at once. */
class Line {
  readonly #url: string;
  readonly #agent: Agent;
  readonly #options: PeerBusOptions;
  readonly #queue = new Map<GrantId, Message>();
  readonly #stop = new AbortController();
  #run: Promise<void> | undefined;

  constructor(url: string, agent: Agent, options: PeerBusOptions) {
    this.#url = url;
    this.#agent = agent;
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  add(signed: SignedRevocation): void {
    const [oldest] = this.#queue.keys();
    if (oldest !== undefined && this.#queue.size >= mostWaiting) this.#queue.delete(oldest);
    this.#queue.set(signed.id, { signed, until: performance.now() + this.#options.keepMs });
    this.#run ??= this.#send().finally(() => {
      this.#run = undefined;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }

  async #send(): Promise<void> {
    let wait = 100;
    while (this.#queue.size > 0 && !this.#stop.signal.aborted) {
      const before = this.#queue.size;
      await this.#post([...this.#queue.values()].slice(0, most)).catch((error: unknown) =>
        this.#options.failed(error instanceof Error ? error.name : typeof error),
      );
      const now = performance.now();
      for (const [id, { until }] of this.#queue) if (until < now) this.#queue.delete(id);
      if (this.#queue.size < before) wait = 100;
      else {
        await this.#pause(wait);
        wait = Math.min(wait * 2, 5_000);
      }
    }
  }

  async #post(messages: readonly Message[]): Promise<void> {
    const revocations = messages.map(({ signed: { subject, id, signer, signature } }) => ({
      subject,
      id,
      signer,
      signature,
    }));
    const answer = await this.#agent.request({
      origin: new URL(this.#url).origin,
      path: new URL(this.#url).pathname,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ revocations }),
      headersTimeout: this.#options.timeoutMs,
      bodyTimeout: this.#options.timeoutMs,
      signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#options.timeoutMs)]),
    });
    const body: unknown = await answer.body.json().catch(() => undefined);
    const states = answer.statusCode === 200 ? statesOf(body) : undefined;
    if (states === undefined || states.length !== messages.length) throw new PeerRefused();
    for (const [index, { signed }] of messages.entries()) {
      // A peer that did not believe it gets no more of it; one that could not tell yet is asked again, behind the others.
      const message = this.#queue.get(signed.id);
      this.#queue.delete(signed.id);
      if (states[index] === 'later' && message !== undefined) this.#queue.set(signed.id, message);
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#stop.signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#stop.signal.addEventListener('abort', end);
    });
  }
}

const statesOf = (body: unknown): readonly unknown[] | undefined =>
  typeof body === 'object' && body !== null && 'states' in body && Array.isArray(body.states) ? body.states : undefined;
