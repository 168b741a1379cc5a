import type { Brand } from './brand.ts';

/** Milliseconds since 1970-01-01T00:00:00Z, read once per request from the Clock port. */
export type Instant = Brand<number, 'Instant'>;
