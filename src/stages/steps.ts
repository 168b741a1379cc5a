import type { Steps } from '../domain/steps.ts';

/** What one call does before others get their turn. A call of the usual size is done within it. */
const SLICE_MS = 2;

/** Does the work at once where it is small, and else slice by slice. */
export function inSlices<T>(steps: Steps<T>): T | Promise<T> {
  const done = slice(steps);
  return done === undefined ? theRest(steps) : done.value;
}

async function theRest<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    await turn();
    const done = slice(steps);
    if (done !== undefined) return done.value;
  }
}

function slice<T>(steps: Steps<T>): { readonly value: T } | undefined {
  const ends = performance.now() + SLICE_MS;
  do {
    const { done, value } = steps.next();
    if (done === true) return { value };
  } while (performance.now() < ends);
  return undefined;
}

/** Resolves after what has come in meanwhile was looked at. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** For loops that wait for promises, which by themselves let nobody else have a turn. */
export function pacer(): () => Promise<void> | undefined {
  let ends = performance.now() + SLICE_MS;
  return () => {
    if (performance.now() < ends) return undefined;
    return turn().then(() => {
      ends = performance.now() + SLICE_MS;
    });
  };
}
