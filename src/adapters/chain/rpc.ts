import { Pool } from 'undici';

/** A JSON-RPC 2.0 endpoint. Errors never carry its address: it may hold a key. */
export interface Rpc {
  call<Result>(method: string, params: readonly unknown[], options?: CallOptions): Promise<Result>;
  /** One HTTP request; the answers in the order of the calls. Rejects when any of them is an error. */
  batch(calls: readonly RpcCall[], options?: CallOptions): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface CallOptions {
  readonly timeoutMs?: number;
}

export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number | undefined;
  /** The revert data of a failed call, if the endpoint gave it. */
  readonly data: string | undefined;

  constructor(message: string, code?: number, data?: string) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: number; readonly message?: string; readonly data?: unknown };
}

/**
 * The calls go out at once: the usual client library waits 10 ms for others to share a request with. The pool keeps a few
 * connections open, so that a hanging answer does not hold up the next call.
 */
export function createRpc(url: string, defaults: { readonly timeoutMs?: number } = {}): Rpc {
  const target = new URL(url);
  const pool = new Pool(target.origin, { connections: 8, keepAliveTimeout: 30_000 });
  const path = `${target.pathname}${target.search}`;
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (target.username || target.password) {
    const userInfo = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
    headers.authorization = `Basic ${Buffer.from(userInfo).toString('base64')}`;
  }
  let nextId = 1;

  async function post(body: string, options: CallOptions): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? defaults.timeoutMs ?? 2_000;
    try {
      const response = await pool.request({
        path,
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.body.text();
      if (response.statusCode !== 200) throw new RpcError(`The endpoint answered HTTP ${response.statusCode}.`);
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof RpcError) throw error;
      if (error instanceof SyntaxError) throw new RpcError('The endpoint did not answer JSON.');
      if (error instanceof Error && error.name === 'TimeoutError') {
        throw new RpcError(`The endpoint did not answer within ${timeoutMs} ms.`);
      }
      throw new RpcError('The endpoint cannot be reached.');
    }
  }

  function resultOf(answer: Answer | undefined): unknown {
    if (typeof answer !== 'object' || answer === null) throw new RpcError('The endpoint left an answer out.');
    if (answer.error) {
      const { code, message, data } = answer.error;
      throw new RpcError(
        message ?? 'The endpoint answered an error.',
        code,
        typeof data === 'string' ? data : undefined,
      );
    }
    return answer.result;
  }

  return {
    async call<Result>(method: string, params: readonly unknown[], options: CallOptions = {}) {
      const body = JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params });
      return resultOf((await post(body, options)) as Answer) as Result;
    },
    async batch(calls, options = {}) {
      const first = nextId;
      nextId += calls.length;
      const body = JSON.stringify(calls.map((call, index) => ({ jsonrpc: '2.0', id: first + index, ...call })));
      const answers = await post(body, options);
      if (!Array.isArray(answers)) throw new RpcError('The endpoint did not answer the batch.');
      const byId = new Map((answers as Answer[]).map((answer) => [answer.id, answer]));
      return calls.map((_, index) => resultOf(byId.get(first + index)));
    },
    close: () => pool.destroy(),
  };
}

/** Asks the next endpoint where one does not answer. An error that an endpoint answers is an answer. */
export function createFailoverRpc(urls: readonly string[], defaults: { readonly timeoutMs?: number } = {}): Rpc {
  const rpcs = urls.map((url) => createRpc(url, defaults));
  let preferred = 0;

  async function first<Result>(ask: (rpc: Rpc) => Promise<Result>): Promise<Result> {
    let last: unknown = new RpcError('No endpoint is configured.');
    for (let turn = 0; turn < rpcs.length; turn++) {
      const index = (preferred + turn) % rpcs.length;
      const rpc = rpcs[index];
      if (!rpc) break;
      try {
        const result = await ask(rpc);
        preferred = index;
        return result;
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== undefined) throw error;
        last = error;
      }
    }
    throw last;
  }

  return {
    call: (method, params, options) => first((rpc) => rpc.call(method, params, options)),
    batch: (calls, options) => first((rpc) => rpc.batch(calls, options)),
    async close() {
      await Promise.all(rpcs.map((rpc) => rpc.close()));
    },
  };
}
