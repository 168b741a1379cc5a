/** Work that can be much, in steps: at each `yield` others may have their turn. Nothing that it reads may change meanwhile. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** All of it, now. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
