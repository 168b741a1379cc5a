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

type Path = `/api/v1/${string}` | `/fhir/${string}` | `/ledger/${string}`;

interface Call {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send(path: Path, init: Call): Promise<Response> {
  const token = accessToken();
  if (token === undefined) throw new ApiError(401, 'ended', '');
  const type = path.startsWith('/fhir/') ? 'application/fhir+json' : 'application/json';
  try {
    return await fetch(path, {
      method: init.method ?? 'GET',
      credentials: 'omit',
      cache: 'no-store',
      headers: {
        authorization: `Bearer ${token}`,
        accept: type,
        ...(init.body === undefined ? {} : { 'content-type': type }),
        ...init.headers,
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
  } catch {
    throw new ApiError(0, 'unreachable', '');
  }
}

/** A call to `/api/v1` or `/fhir` of this gateway with the token of the session. The gateway's own answers are taken at their type. */
export async function call<T>(path: Path, init: Call = {}): Promise<Answer<T>> {
  const response = await send(path, init);
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return { body: body as T, headers: response.headers };
  throw refused(response, body);
}

function refused(response: Response, body: unknown): ApiError {
  const error = refusal(response, body);
  if (error.code === 'auth-token-expired' || error.code === 'auth-token-invalid') endSession();
  return error;
}

/** A file of the gateway, to be saved by the browser. */
export async function callForText(path: `/api/v1/${string}`): Promise<string> {
  const response = await send(path, {});
  if (response.ok) return response.text();
  throw refused(response, await response.json().catch(() => undefined));
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
export const useApi = <T>(path: Path, options: { readonly everySeconds?: number; readonly enabled?: boolean } = {}) =>
  useQuery({
    queryKey: [path],
    queryFn: async () => (await call<T>(path)).body,
    enabled: options.enabled ?? true,
    ...(options.everySeconds === undefined ? {} : { refetchInterval: options.everySeconds * 1000 }),
  });
