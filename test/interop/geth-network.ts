import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SignJWT } from 'jose';
import { addressOfKey } from '../../src/adapters/chain/sign.ts';

/**
 * Three nodes of go-ethereum that gossip transactions and serve blocks to each other, and the part of a consensus client
 * that the Engine API leaves to be played: every second a block is built by one node, handed to all, and made their head;
 * what lies two blocks back is final. A reorganisation is a fork choice that takes another branch.
 */
const version = 'v1.13.15';
const chainId = 424_242;
const finalDepth = 2;

interface Payload {
  readonly blockHash: string;
  readonly parentHash: string;
  readonly blockNumber: string;
  readonly timestamp: string;
  readonly transactions: readonly string[];
}

/** Built once into Go's own cache. Go's linker has to let the dashboards of this release reach into the runtime. */
export function buildGeth(folder: string): string {
  if (spawnSync('go', ['version']).status !== 0) throw new Error('This suite needs Go 1.24 or newer on the path.');
  const built = spawnSync(
    'go',
    ['install', '-ldflags=-checklinkname=0', `github.com/ethereum/go-ethereum/cmd/geth@${version}`],
    { encoding: 'utf8', env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' } },
  );
  if (built.status !== 0) throw new Error(built.stderr);
  return join(folder, 'geth');
}

export class GethNode {
  readonly #program: string;
  readonly #folder: string;
  readonly #secret = randomBytes(32);
  #child: ChildProcess | undefined;
  #engine = '';
  /** Kept over a restart, as the configuration of a gateway keeps it. */
  rpcUrl = '';

  constructor(program: string, genesis: string, folder: string) {
    this.#program = program;
    this.#folder = folder;
    const made = spawnSync(program, ['init', '--datadir', folder, genesis], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    writeFileSync(join(folder, 'jwt'), this.#secret.toString('hex'));
  }

  async start(): Promise<void> {
    const port = this.rpcUrl === '' ? '0' : new URL(this.rpcUrl).port;
    const child = spawn(
      this.#program,
      [
        ['--datadir', this.#folder, '--networkid', String(chainId), '--port', '0', '--nodiscover', '--nat', 'none'],
        ['--syncmode', 'full', '--ipcdisable', '--http', '--http.port', port, '--http.api', 'eth,net,web3,admin'],
        ['--authrpc.port', '0', '--authrpc.jwtsecret', join(this.#folder, 'jwt'), '--cache', '128', '--maxpeers', '8'],
      ].flat(),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`geth ended with ${code}`)));
      createInterface({ input: child.stderr }).on('line', (line) => {
        const endpoint = /HTTP server started\s+endpoint=(\S+)\s+auth=(true|false)/.exec(line);
        if (endpoint?.[2] === 'true') this.#engine = `http://${endpoint[1]}`;
        if (endpoint?.[2] === 'false') this.rpcUrl = `http://${endpoint[1]}`;
        if (this.#engine !== '' && this.rpcUrl !== '' && /WebSocket enabled|HTTP server started/.test(line)) {
          if (endpoint) resolve();
        }
      });
    });
  }

  get up(): boolean {
    return this.#child !== undefined;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    this.#engine = '';
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  call<Result>(method: string, params: readonly unknown[]): Promise<Result> {
    return post(this.rpcUrl, method, params, {});
  }

  async engine<Result>(method: string, params: readonly unknown[]): Promise<Result> {
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setIssuedAt().sign(this.#secret);
    return post(this.#engine, method, params, { authorization: `Bearer ${token}` });
  }
}

async function post<Result>(url: string, method: string, params: readonly unknown[], headers: object): Promise<Result> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const { result, error } = (await answer.json()) as { result: Result; error?: { message: string } };
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

const noRoot = `0x${'0'.repeat(64)}`;

export class GethNetwork {
  readonly chainId = chainId;
  readonly nodes: readonly GethNode[];
  readonly key = `0x${randomBytes(32).toString('hex')}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'consentry-geth-'));
  /** From the genesis to the head. */
  #branch: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #beat: Promise<void> = Promise.resolve();
  #payload: string | undefined;
  #apart: { readonly node: GethNode; readonly from: number } | undefined;
  /** What went wrong in a beat: the test that waits for a block fails by its own time-out and this says why. */
  trouble: unknown;

  constructor() {
    const program = buildGeth(this.#folder);
    const genesis = join(this.#folder, 'genesis.json');
    const early = ['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople', 'petersburg', 'istanbul'];
    const blocks = [...early, 'berlin', 'london'].map((fork) => [`${fork}Block`, 0]);
    const ended = { terminalTotalDifficulty: 0, terminalTotalDifficultyPassed: true };
    writeFileSync(
      genesis,
      JSON.stringify({
        config: { chainId, ...Object.fromEntries(blocks), ...ended, shanghaiTime: 0, cancunTime: 0 },
        difficulty: '0x0',
        gasLimit: '0x2faf080',
        alloc: { [addressOfKey(this.key)]: { balance: '0x3635c9adc5dea00000' } },
      }),
    );
    this.nodes = ['a', 'b', 'c'].map((name) => new GethNode(program, genesis, join(this.#folder, name)));
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    await this.meet();
    const [builder] = this.nodes;
    const genesis = await builder?.call<{ hash: string }>('eth_getBlockByNumber', ['0x0', false]);
    this.#branch = [genesis?.hash ?? ''];
    this.#schedule();
  }

  /** Makes every node that is up a peer of every other. */
  async meet(): Promise<void> {
    const up = this.nodes.filter((node) => node.up);
    for (const node of up) {
      const { enode } = await node.call<{ enode: string }>('admin_nodeInfo', []);
      for (const other of up) if (other !== node) await other.call('admin_addPeer', [enode.replace(/\?.*/, '')]);
    }
  }

  /** The last node gets no blocks any more; nothing becomes final until it is back. */
  async split(): Promise<void> {
    await this.#pause();
    this.#apart = { node: this.nodes.at(-1) as GethNode, from: this.#branch.length };
    this.#schedule();
  }

  /** The node that was apart builds a branch of its own, longer than that of the others, and all go over to it. */
  async reunite(): Promise<void> {
    await this.#pause();
    const { node, from } = this.#apart ?? { node: this.#builder, from: this.#branch.length };
    const length = this.#branch.length + 1;
    this.#payload = undefined;
    this.#branch = this.#branch.slice(0, from);
    this.#apart = undefined;
    // Asked for at once, a block is empty: what is taken back waits in the pools of the nodes.
    while (this.#branch.length < length) await this.#finish(node, await this.#begin(node));
    this.#schedule();
  }

  async stop(): Promise<void> {
    await this.#pause();
    await Promise.all(this.nodes.map((node) => node.kill()));
    rmSync(this.#folder, { recursive: true });
  }

  get #reached(): readonly GethNode[] {
    return this.nodes.filter((node) => node.up && node !== this.#apart?.node);
  }

  get #builder(): GethNode {
    const [node] = this.#reached;
    if (node === undefined) throw new Error('No node is up.');
    return node;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#beat = this.#tick().catch((error: unknown) => {
        this.trouble = error;
        this.#payload = undefined;
      });
      void this.#beat.then(() => this.#schedule());
    }, 1_000);
  }

  async #pause(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#beat;
    clearTimeout(this.#timer);
  }

  /** The block that was begun a second ago is finished, and the next one begun. */
  async #tick(): Promise<void> {
    const node = this.#builder;
    if (this.#payload !== undefined) await this.#finish(node, this.#payload);
    this.#payload = await this.#begin(node);
  }

  get #head(): string {
    return this.#branch.at(-1) ?? '';
  }

  #choice(head: string): object {
    const settled = Math.min(this.#branch.length, this.#apart?.from ?? Number.POSITIVE_INFINITY) - 1 - finalDepth;
    const final = this.#branch[settled] ?? noRoot;
    return { headBlockHash: head, safeBlockHash: final, finalizedBlockHash: final };
  }

  async #begin(node: GethNode): Promise<string> {
    const parent = this.#head;
    const before = await node.call<{ timestamp: string } | null>('eth_getBlockByHash', [parent, false]);
    const now = Math.max(Math.floor(Date.now() / 1000), Number(before?.timestamp ?? 0) + 1);
    const { payloadId } = await node.engine<{ payloadId: string | null }>('engine_forkchoiceUpdatedV3', [
      this.#choice(parent),
      {
        timestamp: `0x${now.toString(16)}`,
        prevRandao: `0x${randomBytes(32).toString('hex')}`,
        suggestedFeeRecipient: `0x${'11'.repeat(20)}`,
        withdrawals: [],
        parentBeaconBlockRoot: noRoot,
      },
    ]);
    if (payloadId === null) throw new Error('The node began no block.');
    return payloadId;
  }

  async #finish(node: GethNode, payloadId: string): Promise<void> {
    const { executionPayload } = await node.engine<{ executionPayload: Payload }>('engine_getPayloadV3', [payloadId]);
    await this.#hand(executionPayload);
    this.#branch.push(executionPayload.blockHash);
    await this.#follow();
  }

  async #hand(payload: Payload): Promise<void> {
    for (const node of this.#reached) {
      await node.engine('engine_newPayloadV3', [payload, [], noRoot]).catch((error: unknown) => {
        this.trouble = error;
      });
    }
  }

  async #follow(): Promise<void> {
    for (const node of this.#reached) {
      await node.engine('engine_forkchoiceUpdatedV3', [this.#choice(this.#head), null]).catch((error: unknown) => {
        this.trouble = error;
      });
    }
  }
}
