// Fault 7: `process.exit()` and errors that nobody catches must not take the notebook's variables with them.
import { KernelError } from './errors'

/** Thrown where a cell asked the process to end. */
export class ProcessExit extends KernelError {
  override readonly name: string = 'ProcessExit'
  constructor(call: string) {
    super('KERNEL_EXIT', `${call} was called in the notebook, which goes on`,
      'use return or throw to leave a function; restart the kernel from the menu to begin afresh')
  }
}

/**
 * Makes ending the process an exception, and reports what is thrown outside of a cell.
 *
 * @returns the real exit, for the kernel itself
 */
export function guardProcess(report: (kind: string, thrown: unknown) => void): (code: number) => never {
  const { reallyExit } = process as unknown as { reallyExit: (code: number) => never }
  const leave = reallyExit.bind(process)
  const refuse = (call: string) => (code?: number): never => {
    throw new ProcessExit(code === undefined ? `process.${call}()` : `process.${call}(${code})`)
  }
  process.exit = refuse('exit')
  process.abort = refuse('abort')
  Object.assign(process, { reallyExit: refuse('reallyExit') })
  process.on('uncaughtException', (error) => report('Uncaught', error))
  process.on('unhandledRejection', (reason) => report('Unhandled rejection:', reason))
  // An interrupt comes as a request; the signal itself is for child processes and for scripts that are busy.
  process.on('SIGINT', () => undefined)
  return leave
}
