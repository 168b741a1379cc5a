/** Those who asked to be told, for as long as they want to be. */
export const broadcast = <Told extends readonly unknown[]>() => {
  const listeners = new Set<(...told: Told) => void>();
  return {
    /** Returns how to stop. */
    on: (listener: (...told: Told) => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell: (...told: Told): void => {
      for (const listener of listeners) listener(...told);
    },
  };
};
