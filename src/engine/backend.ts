// The TensorFlow.js backend `onnx`: keeps the data of tensors, records kernel calls, and computes them when a value is
// read, when enough has gathered, or when a large step ends.
import { DataStorage, KernelBackend, backend_util, engine as tfEngine, util } from '@tensorflow/tfjs'
import type { BackendValues, DataType, TensorInfo } from '@tensorflow/tfjs'
import { sameShape } from '../core'
import type { Shape } from '../core'
import { toNative } from '../runtime'
import type { NativeTensor } from '../runtime'
import { EngineError } from './errors'
import { Executor, nativeOf } from './executor'
import { defaultOptions } from './options'
import type { EngineOptions } from './options'
import { Lazy, materialized } from './record'
import type { EngineData, EngineDType, View } from './record'

/** The data behind a `dataId`. */
export interface Entry {
  readonly dtype: DataType
  refCount: number
  /** Numbers and booleans. */
  value?: Lazy
  /** Strings, as TensorFlow.js keeps them. */
  readonly strings?: BackendValues
  /** Complex numbers: two tensors. */
  readonly complex?: { readonly real: TensorInfo; readonly imag: TensorInfo }
}

const isEngineType = (dtype: DataType): dtype is EngineDType => dtype === 'float32' || dtype === 'int32' || dtype === 'bool'

/** The values as the typed array of their type; shared with the caller when they already are one. */
function dataOf(values: BackendValues | null, size: number, dtype: EngineDType): EngineData {
  const wanted = dtype === 'float32' ? Float32Array : dtype === 'int32' ? Int32Array : Uint8Array
  if (values === null) return new wanted(size)
  if (values instanceof wanted) return values
  return wanted.from(values as ArrayLike<number>)
}

const waits = (value: Lazy): boolean => !value.data && !value.failure

function computed(value: Lazy): EngineData {
  if (value.data) return value.data
  throw value.failure ?? new EngineError('ENGINE_INTERNAL', 'A value was not computed')
}

export class OnnxBackend extends KernelBackend {
  /** Called with every instance that TensorFlow.js makes; the conformance suite sets options there. */
  static whenMade: ((made: OnnxBackend) => void) | undefined
  readonly options: EngineOptions = defaultOptions()
  readonly executor: Executor = new Executor(this.options)
  /** Kernel calls that went to the CPU, by kernel. */
  readonly fallbacks: Map<string, number> = new Map()
  readonly #data: DataStorage<Entry> = new DataStorage<Entry>(this, tfEngine())
  readonly #pending = new Set<Entry>()
  #recorded = 0
  #recordedAtScopeEnd = 0
  /** Values without tensors that calls may still read: looked at when nothing is pending. */
  readonly #freed: Lazy[] = []
  #largestScope = 0
  #nextId = 0

  constructor() {
    super()
    OnnxBackend.whenMade?.(this)
  }

  /** Calls recorded and not yet computed. */
  get recorded(): number {
    return this.#recorded
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): object {
    return this.#put(this.#entry(values, shape, dtype, 1))
  }

  override move(dataId: object, values: BackendValues, shape: number[], dtype: DataType, refCount: number): void {
    this.#data.set(dataId, this.#entry(values, shape, dtype, refCount))
  }

  /** A tensor over a value that may still be pending. */
  tensor(value: Lazy): TensorInfo {
    const entry: Entry = { dtype: value.dtype, refCount: 1, value }
    value.holders++
    if (!value.data) this.#pending.add(entry)
    return { dataId: this.#put(entry), shape: [...value.shape], dtype: value.dtype }
  }

  /** A complex tensor over two others, whose references it takes. */
  complexTensor(real: TensorInfo, imag: TensorInfo, shape: Shape): TensorInfo {
    return { dataId: this.#put({ dtype: 'complex64', refCount: 1, complex: { real, imag } }), shape: [...shape], dtype: 'complex64' }
  }

  entry(dataId: object): Entry {
    return this.#data.get(dataId)
  }

  /** What a kernel reads; undefined for strings and complex numbers. */
  view(t: TensorInfo): View | undefined {
    const { value } = this.#data.get(t.dataId)
    return value && { value, shape: sameShape(value.shape, t.shape) ? value.shape : t.shape }
  }

  /** Counts a recorded call; too many are computed at once, so that memory stays bounded. */
  count(): void {
    if (++this.#recorded > this.options.maxCalls) this.flush()
  }

  /**
   * Called when no `tidy` is open any more. Pending work is computed after the largest such scope only: it comes once a
   * step, so that the graphs always hold whole steps, begin at the same place, and are compiled once.
   */
  scopeEnded(): void {
    const size = this.#recorded - this.#recordedAtScopeEnd
    this.#recordedAtScopeEnd = this.#recorded
    this.#largestScope = Math.max(this.#largestScope, size)
    if (size > 0 && size >= this.#largestScope && this.#recorded >= this.options.flushCalls) this.flush()
  }

  /** Computes everything that is recorded and still referred to, in one run. */
  flush(): void {
    const outputs = new Set<Lazy>()
    for (const { value } of this.#pending) {
      if (!value || value.data || value.failure) continue
      if (!value.traced) outputs.add(value)
    }
    if (outputs.size > 0) this.#materialize([...outputs])
    for (const entry of this.#pending) if (!entry.value?.traced) this.#pending.delete(entry)
    this.#recorded = 0
    this.#recordedAtScopeEnd = 0
    this.#largestScope = 0
    if (this.#pending.size > 0) return
    for (const value of this.#freed.splice(0)) this.#recycle(value)
  }

  #release(value: Lazy): void {
    value.holders--
    if (value.seen || value.holders > 0) return
    if (this.#pending.size === 0) this.#recycle(value)
    else this.#freed.push(value)
  }

  /** Keeps the array of a value that no tensor and no pending call refers to. */
  #recycle(value: Lazy): void {
    if (!value.seen && value.holders === 0 && value.data) this.executor.arrays.give(value.dtype, value.data)
  }

  override incRef(dataId: object): void {
    this.#data.get(dataId).refCount++
  }

  override refCount(dataId: object): number {
    return this.#data.has(dataId) ? this.#data.get(dataId).refCount : 0
  }

  override numDataIds(): number {
    return this.#data.numDataIds()
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.#data.has(dataId)) return true
    const entry = this.#data.get(dataId)
    entry.refCount--
    if (!force && entry.refCount > 0) return false
    if (entry.complex) {
      this.disposeData(entry.complex.real.dataId, true)
      this.disposeData(entry.complex.imag.dataId, true)
    }
    this.#pending.delete(entry)
    this.#data.delete(dataId)
    if (entry.value) this.#release(entry.value)
    return true
  }

  override readSync(dataId: object): BackendValues {
    const entry = this.#data.get(dataId)
    if (entry.complex) {
      const { real, imag } = entry.complex
      return backend_util.mergeRealAndImagArrays(
        this.readSync(real.dataId) as Float32Array, this.readSync(imag.dataId) as Float32Array)
    }
    if (!entry.value) return util.convertBackendValuesAndArrayBuffer(entry.strings as BackendValues, entry.dtype)
    entry.value.seen = true
    return this.dataOf(entry.value)
  }

  /**
   * Puts another value behind a tensor that nothing else shares, and gives the old one back; undefined where it is shared.
   * The old array may be written to again when no recorded call and no caller can still read it.
   */
  exchange(t: TensorInfo, value: Lazy): Lazy | undefined {
    const entry = this.#data.get(t.dataId)
    const { value: old } = entry
    if (entry.refCount !== 1 || !old || !sameShape(old.shape, value.shape)) return undefined
    entry.value = value
    value.holders++
    old.holders--
    if (this.#pending.size > 0 || old.holders > 0) old.seen = true
    return old
  }

  override read(dataId: object): Promise<BackendValues> {
    return new Promise((resolve) => { resolve(this.readSync(dataId)) })
  }

  /** The data of a value, computed now if it is pending. */
  dataOf(value: Lazy): EngineData {
    if (value.data) return value.data
    if (value.traced) {
      throw new EngineError('ENGINE_TRACE', 'A function that is being traced reads the value of a tensor', {
        expected: 'tensor operations only: the trace has no values yet',
        fix: 'return the tensor and read it outside; use tf.where instead of if',
      })
    }
    if (!value.failure) this.flush()
    // A value without a tensor of its own, e.g. the input of a CPU kernel that was disposed of meanwhile.
    if (waits(value)) this.#materialize([value])
    return computed(value)
  }

  /** The tensor's data as ONNX Runtime takes it, with the tensor's own shape. */
  native(t: TensorInfo): NativeTensor {
    const view = this.view(t)
    if (!view) throw new EngineError('ENGINE_ARGUMENT', `A tensor of type ${t.dtype} cannot be fed to a graph`)
    const data = this.dataOf(view.value)
    return view.shape === view.value.shape ? nativeOf(view.value) : toNative(view.value.dtype, data, view.shape)
  }

  override time(f: () => void): Promise<{ kernelMs: number }> {
    this.flush()
    const start = performance.now()
    f()
    this.flush()
    return Promise.resolve({ kernelMs: performance.now() - start })
  }

  override timerAvailable(): boolean {
    return true
  }

  override memory(): { unreliable: boolean; reasons?: string[] } {
    return { unreliable: true, reasons: [
      'Tensors are counted when they are recorded; a pending one takes no memory yet, and freed arrays wait for the '
      + 'garbage collector. engine.status() counts pending calls and the memory of sessions.'] }
  }

  override floatPrecision(): 16 | 32 {
    return 32
  }

  override epsilon(): number {
    return 1e-7
  }

  override dispose(): void {
    this.executor.clear()
  }

  /** One run for all; if that fails, one each, so that an error stays with the values it belongs to. */
  #materialize(outputs: readonly Lazy[]): void {
    try {
      this.executor.materialize(outputs)
    } catch (thrown) {
      const failure = thrown as Error & { code?: string }
      if (failure.code === 'INTERRUPTED') throw failure
      if (outputs.length > 1) for (const output of outputs) this.#materialize([output])
      else for (const output of outputs) output.failure = failure
    }
  }

  #put(entry: Entry): object {
    const dataId = { id: this.#nextId++ }
    this.#data.set(dataId, entry)
    return dataId
  }

  #entry(values: BackendValues, shape: number[], dtype: DataType, refCount: number): Entry {
    if (!isEngineType(dtype)) return { dtype, refCount, strings: values }
    const value = materialized([...shape], dtype, dataOf(values, util.sizeFromShape(shape), dtype))
    value.holders = 1
    return { dtype, refCount, value }
  }
}
