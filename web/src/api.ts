import { QueryClient, useQuery } from '@tanstack/react-query';
import { accessToken, endSession } from './session.ts';

/** A refusal of the gateway: `code` is a row of docs/errors.md, or `unreachable`, `ended`, or `unknown`. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** What to quote when asking about it. */
  readonly requestId: string | undefined;

  constructor(status: number, code: string, text: string, requestId?: string) {
    super(text);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

export interface Answer<T> {
  readonly body: T;
  readonly headers: Headers;
}

/** A call to `/api/v1` or `/fhir` of this gateway with the token of the session. The gateway's own answers are taken at their type. */
export async function call<T>(
  path: `/api/v1/${string}` | `/fhir/${string}` | `/readyz` | `/ledger/${string}`,
  init: { readonly method?: string; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer<T>> {
  const token = accessToken();
  if (token === undefined) throw new ApiError(401, 'ended', '');
  const fhir = path.startsWith('/fhir/');
  let response: Response;
  try {
    response = await fetch(path, {
      method: init.method ?? 'GET',
      credentials: 'omit',
      cache: 'no-store',
      headers: {
        authorization: `Bearer ${token}`,
        accept: fhir ? 'application/fhir+json' : 'application/json',
        ...(init.body === undefined ? {} : { 'content-type': fhir ? 'application/fhir+json' : 'application/json' }),
        ...init.headers,
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
  } catch {
    throw new ApiError(0, 'unreachable', '');
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok || path === '/readyz') return { body: body as T, headers: response.headers };
  const error = refusal(response, body);
  if (error.code === 'auth-token-expired' || error.code === 'auth-token-invalid') endSession();
  throw error;
}

/** Our refusals are OperationOutcomes: a code of the table and a sentence. */
function refusal(response: Response, body: unknown): ApiError {
  const issue = (body as { issue?: readonly { details?: { text?: string; coding?: readonly { code?: string }[] } }[] })
    ?.issue?.[0];
  return new ApiError(
    response.status,
    issue?.details?.coding?.[0]?.code ?? 'unknown',
    issue?.details?.text ?? '',
    response.headers.get('x-request-id') ?? undefined,
  );
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
    },
  },
});

/** Reads a path and keeps it fresh; `everySeconds` reads it again while the page is open. */
export const useApi = <T>(
  path: Parameters<typeof call>[0],
  options: { readonly everySeconds?: number; readonly enabled?: boolean } = {},
) =>
  useQuery({
    queryKey: [path],
    queryFn: async () => (await call<T>(path)).body,
    enabled: options.enabled ?? true,
    ...(options.everySeconds === undefined ? {} : { refetchInterval: options.everySeconds * 1000 }),
  });
