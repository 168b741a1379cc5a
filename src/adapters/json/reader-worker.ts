import { parentPort } from 'node:worker_threads';
import type { Limits } from '../../domain/json/fault.ts';
import { scan } from '../../domain/json/scan.ts';
import type { ReaderResult, ReaderTask } from './reader-task.ts';

parentPort?.on('message', ({ bytes, limits }: ReaderTask) => parentPort?.postMessage(...read(bytes, limits)));

function read(bytes: Uint8Array<ArrayBuffer>, limits: Limits): [ReaderResult, ArrayBuffer[]] {
  const scanned = scan(bytes, limits);
  if (!scanned.ok) return [{ bytes, scanned }, [bytes.buffer]];
  const { length, kind, start, end, next } = scanned.tape;
  const columns = { kind, start, end, next } as ReaderColumns;
  return [
    { bytes, scanned: { ok: true, length, ...columns } },
    [bytes.buffer, kind.buffer, start.buffer, end.buffer, next.buffer] as ArrayBuffer[],
  ];
}

type ReaderColumns = Pick<Extract<ReaderResult['scanned'], { ok: true }>, 'kind' | 'start' | 'end' | 'next'>;
