// How a check reaches the function that it checks: through an asynchronous host that may be this process or another.
// Every call copies its arguments and its result, and is recorded, so that a failing check can say what was called.
import { types } from 'node:util'
import { messageOf, notebookHost, random, sha256, throwIfInterrupted, WhetstoneError, type Random } from '../core'
import { decode, encode, type Wire } from './boundary/codec'
import { disposeTensors } from './boundary/tfjs'
import { show } from './show'

/** How one call ended, as data. */
export type Outcome =
  | { readonly ok: true; readonly value: Wire }
  | { readonly ok: false; readonly reason: Failure; readonly error: { readonly name: string; readonly message: string } }

/**
 * Why a call has no value: the function threw, it took too long, its value cannot be checked, there is no such function,
 * or its process did not live to answer.
 */
export type Failure = 'threw' | 'late' | 'unreadable' | 'missing' | 'ended'

/** Calls functions somewhere: here, or in a sandbox. Only wire values cross. */
export interface SubjectHost {
  call(name: string, args: readonly Wire[]): Promise<Outcome>
  /** Told the calls of each check when it has ended. */
  ended?(check: string, calls: readonly RecordedCall[]): void
}

/** One call of the checked function, for the report and for recognising mistakes. */
export interface RecordedCall {
  readonly name: string
  readonly args: readonly Wire[]
  outcome?: Outcome
}

/** What is running now: set by `runChecks`, absent under the vitest command line. */
export interface Session {
  readonly host: SubjectHost
  readonly seed: number
  /** The calls of the check that is running. */
  calls: RecordedCall[]
  /** The name of the check that is running. */
  check: string
  /** The check that is running drew inputs of its own. */
  drew: boolean
  /** What the calls returned: freed when all is done. */
  readonly made: unknown[]
}

let session: Session | undefined

/** Makes `next` what `subject` talks to; undefined: the reference itself. */
export function useSession(next: Session | undefined): void {
  session = next
}

/** Why a check failed, in the learner's words. */
export class CheckFailure extends WhetstoneError {
  override readonly name: string = 'CheckFailure'

  /**
   * @param sentence what to tell the learner
   * @param facts what was expected and what came, already readable
   */
  constructor(
    readonly sentence: string,
    readonly facts: { readonly expected?: string; readonly got?: string } = {},
  ) {
    super('CHECK_FAILED', sentence.replace(/\.$/, ''), facts)
  }
}

/** A call that gave no value. `assertThrows` expects those that threw; anywhere else it fails the check. */
export class CallFailure extends CheckFailure {
  override readonly name: string = 'CallFailure'

  constructor(
    fn: string,
    readonly reason: Failure,
    readonly error: { readonly name: string; readonly message: string },
  ) {
    super(sentenceOf(fn, reason, error.message), { got: reason === 'threw' ? `${error.name}: ${error.message}` : error.message })
  }

  /** The function is still the stub, which throws in every check and satisfies none. */
  get notWritten(): boolean {
    return this.error.message.includes(NOT_WRITTEN)
  }
}

function sentenceOf(fn: string, reason: Failure, message: string): string {
  if (message.includes(NOT_WRITTEN)) return `\`${fn}\` is still the stub. Write it, run its cell, then run this one again.`
  switch (reason) {
    case 'threw': return `\`${fn}\` threw an error instead of returning a value.`
    case 'late': return `\`${fn}\` did not finish in time: look for an await that nothing resolves.`
    case 'unreadable': return `\`${fn}\` returned something that is not plain data.`
    case 'ended': return `\`${fn}\` gave no answer, because the code around it ended or did not start.`
    case 'missing': return `There is no function \`${fn}\`: its cell does not define it.`
  }
}

/** A stub throws an Error with these words. */
export const NOT_WRITTEN = 'not written yet'

/** The functions of an exercise as its checks see them: asynchronous, copying, recorded. */
export type Subject<Functions> = {
  readonly [K in keyof Functions as Functions[K] extends (...args: never[]) => unknown ? K : never]:
  Functions[K] extends (...args: infer Args) => infer Result ? (...args: Args) => Promise<Awaited<Result>> : never
}

/**
 * The functions under check. In the notebook they are the learner's live functions, in the grader those of a submission
 * in its sandbox, and under the vitest command line the reference itself.
 *
 * @example
 * import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/conv_output_shape'
 * const { convOutputShape } = course.subject(reference)
 */
export function subject<Functions extends object>(reference: Functions): Subject<Functions> {
  const functions: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(reference)) {
    if (typeof value === 'function') functions[name] = (...args: unknown[]) => callSubject(reference, name, args)
  }
  return functions as Subject<Functions>
}

async function callSubject(reference: object, name: string, args: readonly unknown[]): Promise<unknown> {
  throwIfInterrupted()
  const record: RecordedCall = { name, args: args.map((arg, i) => encode(arg, `${name}, argument ${i + 1}`)) }
  const host = session?.host ?? liveHost(reference as Readonly<Record<string, unknown>>)
  session?.calls.push(record)
  const outcome = await host.call(name, record.args)
  record.outcome = outcome
  if (!outcome.ok) throw new CallFailure(name, outcome.reason, outcome.error)
  const value = readResult(name, outcome.value)
  session?.made.push(value)
  return value
}

/** A value that a sandbox sent may be no value at all. */
function readResult(name: string, wire: Wire): unknown {
  try {
    return decode(wire, `the result of ${name}`)
  } catch (error) {
    throw new CallFailure(name, 'unreadable', { name: 'BoundaryError', message: messageOf(error) })
  }
}

/** How long one call may take before its check fails. */
export const CALL_TIMEOUT_MS = 5_000

/** A host that calls functions of this process on copies of the arguments. */
export function liveHost(functions: Readonly<Record<string, unknown>>, timeout: number = CALL_TIMEOUT_MS): SubjectHost {
  return {
    async call(name, args) {
      const fn = functions[name]
      if (typeof fn !== 'function') return failed('missing', new Error(`nothing of the name ${name}`))
      const copies = args.map((arg) => decode(arg))
      let value: unknown
      try {
        const returned: unknown = Reflect.apply(fn, undefined, copies)
        value = types.isPromise(returned) && !types.isProxy(returned) ? await settled(returned, timeout) : returned
      } catch (thrown) {
        return failed('threw', thrown)
      }
      // A late function may still be at work on its arguments, so they are left to it.
      if (value === LATE) return failed('late', new Error(`no result after ${timeout / 1000} s`))
      try {
        return { ok: true, value: encode(value, `the result of ${name}`) }
      } catch (thrown) {
        return failed('unreadable', thrown)
      } finally {
        for (const made of [value, ...copies]) disposeTensors(made)
      }
    },
  }
}

function failed(reason: Failure, thrown: unknown): Outcome {
  const name: unknown = types.isNativeError(thrown) ? thrown.name : undefined
  return { ok: false, reason, error: { name: typeof name === 'string' ? name : 'Error', message: messageOf(thrown) } }
}

const LATE = Symbol('late')

/** What a promise settles to, or LATE after `timeout` milliseconds or when the cell is interrupted. */
async function settled(promise: Promise<unknown>, timeout: number): Promise<unknown> {
  const signal = notebookHost()?.signal
  let stop: () => void = () => undefined
  const late = new Promise<typeof LATE>((resolve) => {
    const giveUp = (): void => resolve(LATE)
    const timer = setTimeout(giveUp, timeout)
    signal?.addEventListener('abort', giveUp)
    stop = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    stop()
  }
}

/**
 * Random numbers for the inputs of the running check: fresh with every run, the same for every function compared in one
 * run, and independent of the other checks.
 */
export function freshRandom(): Random {
  if (session) session.drew = true
  const seed = session?.seed ?? Number(process.env['WHETSTONE_SEED'] ?? 1)
  return random(parseInt(sha256(`${seed}\n${session?.check ?? ''}`).slice(0, 12), 16))
}

/** A recorded call as a learner would write it: `convOutputShape([1, 3, 28, 28], [8, 3, 5, 5])`. */
export function showCall(call: RecordedCall): string {
  const args = call.args.map((arg) => decode(arg))
  const text = `${call.name}(${args.map((arg) => show(arg)).join(', ')})`
  for (const arg of args) disposeTensors(arg)
  return text
}
