// Fault 3, for code that is not ours: an asynchronous loop inside a library goes on after its cell was interrupted, when
// it looks at no signal. Most such loops pass through a timer; timers of a cell that had to be given up do not fire.
import { promisify } from 'node:util'

type Callback = (...args: unknown[]) => unknown

/** Cells that were given up, by the id of their execution. */
const abandoned = new Set<number>()

/** From now on no timer fires that was set while this execution ran. */
export function abandonTimers(execution: number): void {
  abandoned.add(execution)
}

function fire(execution: number, callback: Callback, args: unknown[]): void {
  if (!abandoned.has(execution)) callback(...args)
}

/**
 * Puts the watch around the global timers. Those of `node:timers/promises` and of Node itself stay as they are.
 *
 * @param current the id of the running execution, 0 for none
 */
export function guardTimers(current: () => number): void {
  const real = { setTimeout, setInterval, setImmediate }
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const timer = real[name] as (callback: typeof fire, delay: unknown, ...args: unknown[]) => NodeJS.Timeout
    install(name, (callback, delay, ...args) => timer(fire, delay, current(), callback, args))
  }
  install('setImmediate', (callback, ...args) => real.setImmediate(fire, current(), callback as Callback, args))

  function install(name: keyof typeof real, replacement: (callback: unknown, ...args: unknown[]) => unknown): void {
    const guarded = (callback: unknown, ...args: unknown[]): unknown =>
      // What is not a function is Node's to refuse, in its words.
      typeof callback === 'function' ? replacement(callback, ...args)
        : (real[name] as (...all: unknown[]) => unknown)(callback, ...args)
    const custom = (real[name] as unknown as Record<symbol, unknown>)[promisify.custom]
    Object.defineProperty(guarded, 'name', { value: name })
    if (custom !== undefined) Object.defineProperty(guarded, promisify.custom, { value: custom })
    Object.defineProperty(globalThis, name, { value: guarded, configurable: true, writable: true, enumerable: true })
  }
}
