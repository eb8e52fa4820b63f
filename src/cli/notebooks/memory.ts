// The memory of a process and everything it started, while it runs.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds between two looks. A lesson's arrays live for seconds. */
const EVERY = 250

/** Watches until `stop`, which gives the largest resident memory seen, in bytes; undefined where it cannot be read. */
export function watchMemory(pid: number): { stop(): number | undefined } {
  let peak: number | undefined
  const look = (): void => {
    const now = residentBytes(pid)
    if (now !== undefined) peak = Math.max(peak ?? 0, now)
  }
  look()
  const timer = setInterval(look, EVERY)
  timer.unref()
  return {
    stop: () => {
      clearInterval(timer)
      look()
      return peak
    },
  }
}

/** Resident memory of a process and its descendants. */
export function residentBytes(pid: number): number | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
}

function fromProc(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const own = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(/\s+/).filter((child) => child !== '').map(Number))
    return children.reduce((sum, child) => sum + (fromProc(child) ?? 0), own)
  } catch {
    // The process, or one of its threads, has ended since.
    return undefined
  }
}

function fromPs(pid: number): number | undefined {
  const asked = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8', timeout: 5_000 })
  if (asked.status !== 0) return undefined
  const rows = asked.stdout.trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const total = (id: number): number => rows.reduce((sum, [child = 0, parent, rss = 0]) =>
    sum + (child === id ? rss * 1024 : 0) + (parent === id ? total(child) : 0), 0)
  return total(pid)
}
