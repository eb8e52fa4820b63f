// Whether a process was late by its own doing: on a machine with more work than processors, a right answer may wait for its
// turn longer than it is allowed to take. Linux only; elsewhere the clock on the wall decides.
import { readdirSync, readFileSync } from 'node:fs'

/** What a process and its descendants have used, and whether one of them wants to run now. */
export interface Usage {
  /** Milliseconds of processor time, of those that are alive. */
  readonly milliseconds: number
  readonly runnable: boolean
}

/** Linux counts in hundredths of a second for programs, whatever its own clock (`sysconf(_SC_CLK_TCK)`). */
const TICK_MS = 10

/** The usage of a process tree, or undefined where it cannot be read. */
export function usageOf(pid: number): Usage | undefined {
  let milliseconds = 0, runnable = false
  const add = (id: number): boolean => {
    try {
      // The name, in parentheses, may hold anything; fields are counted from behind it (proc_pid_stat(5)).
      const fields = readFileSync(`/proc/${id}/stat`, 'utf8').replace(/^.*\)\s/s, '').split(' ')
      runnable ||= fields[0] === 'R'
      milliseconds += (Number(fields[11]) + Number(fields[12])) * TICK_MS
      for (const task of readdirSync(`/proc/${id}/task`)) {
        for (const child of readFileSync(`/proc/${id}/task/${task}/children`, 'utf8').trim().split(/\s+/)) if (child !== '') add(Number(child))
      }
      return true
    } catch {
      // It has ended since, or there is no /proc.
      return false
    }
  }
  return add(pid) ? { milliseconds, runnable } : undefined
}

/** A process that wants to run and got less than this share of the time is kept waiting. */
const FAIR_SHARE = 0.5

/** Whether a process was kept waiting by others between `before` and now. */
export function wasStarved(pid: number | undefined, before: Usage | undefined, elapsedMs: number): boolean {
  const now = pid === undefined || before === undefined ? undefined : usageOf(pid)
  return now !== undefined && before !== undefined && now.runnable && now.milliseconds - before.milliseconds < FAIR_SHARE * elapsedMs
}
