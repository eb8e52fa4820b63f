// Runs what was recorded: a key of the whole graph's structure finds the session that was made for it, or one is made.
// Numbers that change (data, learning rates) are inputs of the session, so a training step compiles once.
import { elementCount, throwIfInterrupted } from '../core'
import type { Shape } from '../core'
import { writeModel } from '../onnx'
import { toNative } from '../runtime'
import type { NativeTensor } from '../runtime'
import { Arrays } from './arrays'
import { blockOf } from './blocked'
import { Builder } from './builder'
import { costOf } from './cost'
import { toModel } from './encode'
import { MOST_SPECIAL, Numbers, holds } from './numbers'
import type { V } from './graph'
import type { EngineData, EngineDType, Lazy } from './record'
import type { EngineOptions } from './options'
import { rewritten } from './rewrite'
import { ThreadChoice } from './threads'
import { inOrder, writeGraph } from './write'

/** A graph made ready to run. */
export interface Compiled {
  readonly session: ThreadChoice
  readonly inputNames: readonly string[]
  readonly outputs: readonly { readonly name: string; readonly shape: Shape; readonly dtype: EngineDType }[]
  /** Results are written into arrays of ours; see `Session.runInto`. */
  readonly keepsOutputs: boolean
  /** Estimated memory: the model and what a run holds. */
  readonly bytes: number
  readonly flops: number
  readonly nodes: number
  /** The numbers among the inputs, and a session in which those that stay the same are constants. */
  numbers?: Numbers
  special?: { readonly frozen: ReadonlyMap<number, number>; readonly compiled: Compiled }
}

function release(compiled: Compiled): void {
  compiled.session.dispose()
  compiled.special?.compiled.session.dispose()
}

/** What the executor has done since it was made. */
export interface ExecutorCounts {
  /** Graphs run. */
  runs: number
  /** Sessions made: structures seen for the first time, or again after they were dropped. */
  compilations: number
  /** Sessions dropped because the cache was full. */
  evictions: number
  /** Milliseconds spent on keys, on making sessions, and in ONNX Runtime. */
  keyMs: number
  compileMs: number
  runMs: number
}

/** Bytes of outputs from which on they are written into arrays of ours: copying them takes longer than the error that avoids it. */
const KEEP_BYTES = 2 ** 17

/** Makes a session for a graph; inputs and outputs keep their order. */
export function build(b: Builder, written: readonly V[], options: EngineOptions): Compiled {
  const values = rewritten(b, written)
  const outputs = values.map((v, i) => ({ name: `o${i}`, shape: v.shape, dtype: v.dtype as EngineDType }))
  const keepsOutputs = options.providers.every((provider) => provider === 'cpu')
    && values.reduce((sum, v) => sum + 4 * elementCount(v.shape), 0) >= KEEP_BYTES
  const bytes = writeModel(toModel(b, values, { graph: 'recorded', outputs: outputs.map(({ name }) => name), keepsOutputs }))
  const nodes = b.live(values)
  const cost = costOf(nodes)
  const threads = cost.flops < options.parallelFlops ? 1 : options.threads
  const session = new ThreadChoice(bytes, {
    threads, providers: options.providers, spinning: threads === 1 ? 'off' : options.spinning,
  }, options.measureThreads)
  return {
    session, outputs, keepsOutputs, flops: cost.flops, nodes: nodes.length, bytes: bytes.length + cost.bytes,
    inputNames: session.inputNames,
  }
}

/** Sessions by structure, the least recently used dropped first. */
export class Executor {
  readonly counts: ExecutorCounts = { runs: 0, compilations: 0, evictions: 0, keyMs: 0, compileMs: 0, runMs: 0 }
  readonly arrays = new Arrays()
  readonly #sessions = new Map<string, Compiled>()
  #bytes = 0

  constructor(readonly options: EngineOptions) {}

  get sessions(): number {
    return this.#sessions.size
  }

  /** Estimated bytes that the cached sessions hold. */
  get bytes(): number {
    return this.#bytes
  }

  /** The cached graphs, the most recently used last. */
  cached(): Compiled[] {
    return [...this.#sessions.values()]
  }

  /** Computes `outputs` in one run and stores their data. */
  materialize(outputs: readonly Lazy[]): void {
    throwIfInterrupted()
    const start = performance.now()
    const { key, leaves } = this.#describe(outputs)
    const keyed = performance.now()
    this.counts.keyMs += keyed - start
    const compiled = this.#find(key) ?? this.#compile(key, outputs, leaves)
    const ready = performance.now()
    this.counts.compileMs += ready - keyed
    const special = this.#special(compiled, outputs, leaves)
    const feeds: Record<string, NativeTensor> = {}
    const fed = special ? leaves.filter((_, i) => !special.frozen.has(i)) : leaves
    const chosen = special?.compiled ?? compiled
    fed.forEach((leaf, i) => { feeds[chosen.inputNames[i] ?? ''] = nativeOf(leaf) })
    this.run(chosen, feeds).forEach((result, i) => {
      const output = outputs[i] as Lazy
      output.data = result.data as EngineData
      output.native = result
      output.call = undefined
    })
    this.counts.runs++
    this.counts.runMs += performance.now() - ready
  }

  /** Runs a graph. `spare`: arrays that outputs may be written into, by position. */
  run({ session, outputs, keepsOutputs }: Compiled, feeds: Record<string, NativeTensor>, spare: readonly (NativeTensor | undefined)[] = []): NativeTensor[] {
    if (!keepsOutputs) {
      const fetches = Object.fromEntries(outputs.map(({ name }, i) => [name, spare[i] ?? null]))
      const results = session.run((one) => one.runNative(feeds, fetches))
      return outputs.map(({ name }, i) => spare[i] ?? results[name] as NativeTensor)
    }
    const into = outputs.map(({ shape, dtype }, i) => spare[i] ?? toNative(dtype, this.arrays.take(dtype, elementCount(shape)), shape))
    const named = Object.fromEntries(outputs.map(({ name }, i) => [name, into[i] as NativeTensor]))
    session.run((one) => { one.runInto(feeds, named) })
    return into
  }

  /** Drops all sessions, e.g. when the provider changes. */
  clear(): void {
    this.arrays.clear()
    for (const compiled of this.#sessions.values()) release(compiled)
    this.#sessions.clear()
    this.#bytes = 0
  }

  /** Text that is equal for graphs of equal structure, and the values they start from. */
  #describe(outputs: readonly Lazy[]): { key: string; leaves: Lazy[] } {
    const names = new Map<Lazy, string>()
    const leaves: Lazy[] = []
    let key = ''
    let number = 0
    const nameOf = (value: Lazy): string => {
      const known = names.get(value)
      if (known !== undefined) return known
      if (value.uniform !== undefined) return `=${value.uniform}:${value.dtype}${value.shape.join()}`
      const name = `i${leaves.length}`
      names.set(value, name)
      leaves.push(value)
      key += `${name}:${value.dtype}${value.shape.join()};`
      return name
    }
    for (const call of inOrder(outputs)) {
      let inputs = ''
      for (const view of call.inputs) {
        inputs += nameOf(view.value)
        if (view.shape !== view.value.shape) inputs += `[${view.shape.join()}]`
        inputs += ','
      }
      key += `${call.key}(${inputs});`
      for (const output of call.outputs) names.set(output, `v${number++}`)
    }
    key += '>'
    for (const output of outputs) key += nameOf(output) + ','
    return { key, leaves }
  }

  #find(key: string): Compiled | undefined {
    const found = this.#sessions.get(key)
    if (found) {
      this.#sessions.delete(key)
      this.#sessions.set(key, found)
    }
    return found
  }

  #compile(key: string, outputs: readonly Lazy[], leaves: readonly Lazy[]): Compiled {
    const compiled = this.#build(outputs, leaves)
    this.#sessions.set(key, compiled)
    this.#bytes += compiled.bytes
    this.counts.compilations++
    this.#evict()
    return compiled
  }

  /** Leaves become inputs, those in `frozen` constants. */
  #build(outputs: readonly Lazy[], leaves: readonly Lazy[], frozen?: ReadonlyMap<number, number>): Compiled {
    const b = new Builder('run', blockOf(this.options))
    const inputs = new Map(leaves.map((leaf, i) => {
      const value = frozen?.get(i)
      return [leaf, value === undefined ? b.input(leaf) : b.constant(leaf.dtype, leaf.shape, [value])]
    }))
    const values = writeGraph(b, outputs.map((value) => ({ value, shape: value.shape })), (_, value) =>
      inputs.get(value) ?? (value.uniform === undefined ? b.input(value) : b.full(value.shape, value.uniform, value.dtype)))
    return build(b, values, this.options)
  }

  /** The session with the numbers frozen that have not changed for some runs, if they are still what they were. */
  #special(compiled: Compiled, outputs: readonly Lazy[], leaves: readonly Lazy[]): Compiled['special'] {
    compiled.numbers ??= new Numbers(leaves)
    const { numbers } = compiled
    const stable = numbers.seen(leaves)
    const { special } = compiled
    if (special && holds(special.frozen, leaves)) return special
    if (!stable || numbers.specialized >= MOST_SPECIAL) return undefined
    special?.compiled.session.dispose()
    numbers.specialized++
    this.counts.compilations++
    return compiled.special = { frozen: stable, compiled: this.#build(outputs, leaves, stable) }
  }

  #evict(): void {
    const { maxSessions, maxSessionBytes } = this.options
    for (const [key, compiled] of this.#sessions) {
      if (this.#sessions.size <= 1 || (this.#sessions.size <= maxSessions && this.#bytes <= maxSessionBytes)) return
      this.#sessions.delete(key)
      this.#bytes -= compiled.bytes
      release(compiled)
      this.counts.evictions++
    }
  }
}

/** A value as ONNX Runtime's tensor, sharing its data. */
export function nativeOf(value: Lazy): NativeTensor {
  if (!value.data) throw new Error('a value that is fed has no data')
  return (value.native ??= toNative(value.dtype, value.data, value.shape))
}
