/** What goes back over HTTP. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | BodyStream;
}

/** A body that is not in memory. Whoever does not read it to its end MUST close it. */
export interface BodyStream extends AsyncIterable<Uint8Array> {
  close(): Promise<void>;
}

/** Of a body that will not be sent. */
export const closeBody = async (body: Answer['body']): Promise<void> => {
  if (typeof body === 'object' && 'close' in body) await body.close();
};
