import type { Limits } from './fault.ts';
import type { Scan } from './scan.ts';

/** What is known of large documents that were read in another thread; it goes when their bytes do. */
const known = new WeakMap<Uint8Array, { readonly limits: Limits; readonly scan: Scan }>();

/** From now on reading these very bytes under these limits costs nothing. */
export const keepAhead = (bytes: Uint8Array, limits: Limits, scan: Scan): void => {
  known.set(bytes, { limits, scan });
};

export const readAhead = (bytes: Uint8Array, limits: Limits): Scan | undefined => {
  const found = known.get(bytes);
  const same =
    found !== undefined &&
    found.limits.bytes === limits.bytes &&
    found.limits.depth === limits.depth &&
    found.limits.entries === limits.entries;
  return same ? found.scan : undefined;
};
