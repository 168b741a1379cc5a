import { copyFileSync, existsSync, readFileSync, renameSync, statSync } from 'node:fs';

/**
 * The development chain rewrites its state file in place, so a kill at the wrong instant leaves half of one. A second
 * file keeps the last whole state; a start falls back on it.
 */
export function previousState(file: string): string {
  return `${file}.previous`;
}

/** Puts the last whole state in place of a damaged one. `false`: neither is whole. */
export function mendState(file: string): boolean {
  if (!existsSync(file) || isWhole(file)) return true;
  const previous = previousState(file);
  if (!existsSync(previous) || !isWhole(previous)) return false;
  copyFileSync(previous, file);
  return true;
}

const keepMs = 5_000;

/** Copies a state now and then, once it is written. Returns how to end that. */
export function keepPreviousState(file: string): () => void {
  let kept = 0;
  const timer = setInterval(() => {
    try {
      const { mtimeMs } = statSync(file);
      // Untouched for a while: the writing has ended.
      if (mtimeMs < kept + keepMs || Date.now() - mtimeMs < 200) return;
      const next = `${previousState(file)}.next`;
      copyFileSync(file, next);
      if (statSync(file).mtimeMs !== mtimeMs) return;
      renameSync(next, previousState(file));
      kept = mtimeMs;
    } catch {
      // Not written yet, or being written: the next time will do.
    }
  }, 250);
  timer.unref();
  return () => clearInterval(timer);
}

function isWhole(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}
