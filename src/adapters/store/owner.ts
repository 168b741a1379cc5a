import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Owner } from './control.ts';

/** Field 22 of /proc/PID/stat: start time in clock ticks since boot. The name before it may hold spaces. */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
};

const bootId = (): string => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
};

/** Without /proc only the lease can tell that an owner is gone. */
export const thisProcess = (): Owner => {
  const machine = `${hostname()} ${bootId()}`;
  const start = startOf(process.pid);
  return {
    pid: process.pid,
    birth: `${machine} ${start ?? ''}`,
    isAlive: (pid, birth) => {
      if (start === undefined || !birth.startsWith(`${machine} `)) return undefined;
      return startOf(pid) === birth.slice(machine.length + 1);
    },
  };
};
