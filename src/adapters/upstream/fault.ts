import type { UpstreamFault } from '../../domain/upstream.ts';

const timeouts = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'FST_REPLY_FROM_TIMEOUT',
  'FST_REPLY_FROM_GATEWAY_TIMEOUT',
  'ABORT_ERR',
]);

/** Sorts what went wrong on the way to the upstream; its text goes nowhere, it names hosts and ports. */
export function faultOf(error: unknown): UpstreamFault {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if ((typeof code === 'string' && timeouts.has(code)) || cause.name === 'TimeoutError') return 'upstream-timeout';
    if ((cause as { statusCode?: unknown }).statusCode === 504) return 'upstream-timeout';
  }
  return 'upstream-unreachable';
}
