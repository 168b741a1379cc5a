import { type Header, hexQuantity, parseHeader, quantity } from './header.ts';
import { createRpc, type Rpc, RpcError } from './rpc.ts';

export type Finality = 'latest' | 'safe' | 'finalized' | number;

export interface EndpointHealth {
  readonly height: number | undefined;
  readonly healthy: boolean;
  readonly failures: number;
  /** Answers that a proof or the other endpoints showed to be untrue. */
  readonly lies: number;
}

/**
 * One endpoint, polled on its own, so that one that hangs holds up nobody. It keeps the newest header it vouches for, and
 * forgets it when it has not been confirmed for a while: a dead endpoint must not vouch for an abandoned fork.
 */
export class Endpoint {
  readonly rpc: Rpc;
  readonly #options: EndpointOptions;
  readonly #recent = new Map<number, Header>();
  #tip: { readonly header: Header; readonly final: number; readonly seen: number } | undefined;
  #failures = 0;
  #lies = 0;
  #consecutive = 0;
  /** Asked last for logs and proofs before this time. */
  #shunnedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #polling: Promise<void> | undefined;

  constructor(url: string, options: EndpointOptions) {
    this.#options = options;
    this.rpc = createRpc(url, { timeoutMs: options.timeoutMs });
  }

  start(): void {
    this.#poll();
  }

  /** Polls without waiting for the timer. */
  nudge(): void {
    if (this.#stopped || this.#polling) return;
    clearTimeout(this.#timer);
    this.#poll();
  }

  get tip(): { readonly header: Header; readonly final: number } | undefined {
    return this.#tip && performance.now() - this.#tip.seen < this.#options.vouchMs ? this.#tip : undefined;
  }

  get health(): EndpointHealth {
    const tip = this.tip;
    return {
      height: tip?.header.number,
      healthy: tip !== undefined && this.#consecutive === 0 && this.trusted,
      failures: this.#failures,
      lies: this.#lies,
    };
  }

  get trusted(): boolean {
    return performance.now() >= this.#shunnedUntil;
  }

  /** The header this endpoint has at a height; `undefined` when it has none. */
  async headerAt(number: number): Promise<Header | undefined> {
    const known = this.#recent.get(number);
    if (known) return known;
    return parseHeader(await this.rpc.call('eth_getBlockByNumber', [hexQuantity(number), false]));
  }

  accuse(): void {
    this.#lies++;
    this.#shunnedUntil = performance.now() + 30_000;
  }

  /** It did not answer: others are asked first for a while. */
  stumble(): void {
    this.#shunnedUntil = Math.max(this.#shunnedUntil, performance.now() + 5_000);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.rpc.close();
    await this.#polling;
  }

  #poll(): void {
    this.#polling = this.#ask()
      .then(
        () => {
          this.#consecutive = 0;
        },
        () => {
          this.#failures++;
          this.#consecutive++;
        },
      )
      .finally(() => {
        this.#polling = undefined;
        if (this.#stopped) return;
        const backoff = Math.min(2 ** Math.min(this.#consecutive, 6), 16);
        const pause = Math.min(this.#options.pollMs * backoff, Math.max(this.#options.pollMs, 2_000));
        this.#timer = setTimeout(() => this.#poll(), pause);
      });
  }

  async #ask(): Promise<void> {
    const { finality, chainId } = this.#options;
    const tag = typeof finality === 'string' ? finality : 'latest';
    const calls = [
      { method: 'eth_chainId', params: [] },
      { method: 'eth_getBlockByNumber', params: ['latest', false] },
    ];
    if (tag !== 'latest') calls.push({ method: 'eth_getBlockByNumber', params: [tag, false] as never[] });
    const [id, latest, final] = await this.rpc.batch(calls);
    if (quantity(id) !== chainId) {
      this.#tip = undefined;
      this.#recent.clear();
      this.accuse();
      throw new RpcError('The endpoint serves another chain.');
    }
    const header = parseHeader(latest);
    if (!header) throw new RpcError('The endpoint has no block.');
    const finalNumber =
      typeof finality === 'number'
        ? Math.max(0, header.number - finality)
        : tag === 'latest'
          ? header.number
          : (parseHeader(final)?.number ?? 0);
    const before = this.#tip?.header;
    const follows = before && (header.hash === before.hash || header.parentHash === before.hash);
    // With a gap in between nothing it said about earlier heights is known to stand.
    if (!follows) this.#recent.clear();
    this.#recent.set(header.number, header);
    if (this.#recent.size > 64) this.#recent.delete(this.#recent.keys().next().value ?? 0);
    this.#tip = { header, final: Math.min(finalNumber, header.number), seen: performance.now() };
    if (before?.hash !== header.hash) this.#options.onTip();
  }
}

export interface EndpointOptions {
  readonly chainId: number;
  readonly finality: Finality;
  readonly pollMs: number;
  readonly timeoutMs: number;
  /** How long a header counts after it was last confirmed. */
  readonly vouchMs: number;
  onTip(): void;
}
