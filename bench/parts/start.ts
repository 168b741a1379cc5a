import { type ChildProcess, fork } from 'node:child_process';

/** A part of the bench in a process of its own, and what it told when it was ready. */
export const part = (
  name: string,
  ...args: string[]
): Promise<{ readonly child: ChildProcess; readonly told: Record<string, string> }> =>
  new Promise((resolve, reject) => {
    const child = fork(new URL(`./${name}.ts`, import.meta.url), args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.once('message', (told) => resolve({ child, told: told as Record<string, string> }));
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready`)));
  });

export async function stop(parts: readonly { readonly child: ChildProcess }[]): Promise<void> {
  for (const { child } of parts) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.disconnect();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
  }
}
