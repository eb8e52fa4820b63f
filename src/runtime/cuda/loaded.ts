// A compiled program in this process: its kernels are called with typed arrays in place, many times, without starting
// anything. Nothing is judged here; for code that is not yet trusted there is `CudaModule.launch`.
import { messageOf } from '../../core'
import { checkArguments, index3, type Entry, type Launch, type LoadedArgument } from './arguments'
import { ARRAYS, DeviceArray, type ArrayName } from './device-array'
import { CudaError } from './errors'
import type { Addon, Handle } from './addon'
import type { CudaArray } from './run'

/** How a launch went. */
export interface LoadedRun {
  /** The device and where the code ran. */
  readonly device: string
  readonly kernel: string
  /** Each launch, by events on the device: without copies of arrays. */
  readonly milliseconds: Float64Array
  readonly medianMs: number
  readonly fastestMs: number
}

/** Made by `CudaModule.load`. */
export class LoadedModule {
  readonly entries: readonly Entry[]
  /** The name of the device, and that the code runs in this process. */
  readonly device: string
  #last: Promise<unknown> = Promise.resolve()

  constructor(readonly addon: Addon, readonly library: Handle, readonly index: number, readonly file: string) {
    const told = addon.describe(library)
    this.entries = JSON.parse(told.entries) as Entry[]
    const names = told.devices.split('\n').filter((name) => name !== '')
    const name = names[index]
    if (name === undefined) throw new CudaError('CUDA_DEVICE', `There is no device ${index}`, { expected: names.map((one, i) => `${i}: ${one}`).join(', ') || 'a device', where: file })
    this.device = `${name}, in this process`
  }

  /** Memory on the device, for as long as the array lives: from a typed array, or `length` elements of unknown content. */
  array<T extends CudaArray>(make: new (length: number) => T, from: T | number): DeviceArray<T> {
    const length = typeof from === 'number' ? from : from.length
    const { BYTES_PER_ELEMENT: bytes } = ARRAYS[make.name as ArrayName]
    const made = new DeviceArray<T>(this.addon, this.addon.allocate(this.library, this.index, length * bytes), length, make, bytes)
    if (typeof from !== 'number') made.write(from)
    return made
  }

  /**
   * Launches a kernel `repeat` times and waits. Launches of one module follow each other in the order of the calls.
   *
   * @param options `seconds`: all launches together may take this long; default 20
   * @throws CudaError `CUDA_LAUNCH` when arguments do not fit, `CUDA_FAULT` when the kernel fails
   */
  launch(kernel: string, launch: Launch, args: readonly LoadedArgument[], options: { readonly seconds?: number } = {}): Promise<LoadedRun> {
    const next = this.#last.then(() => this.#launch(kernel, launch, args, options.seconds ?? 20))
    this.#last = next.catch(() => undefined)
    return next
  }

  async #launch(kernel: string, launch: Launch, args: readonly LoadedArgument[], seconds: number): Promise<LoadedRun> {
    const entry = this.entries.find((one) => one.name === kernel)
    if (entry === undefined) {
      throw new CudaError('CUDA_LAUNCH', `There is no kernel ${kernel}`, { expected: this.entries.map((one) => one.name).join(', '), where: this.file, fix: 'name instantiations of templates when loading: load({ kernels: [\'tile<32>\'] })' })
    }
    checkArguments(kernel, args, entry.parameters, this.file)
    const values = new Uint8Array(16 * Math.max(1, args.length)), view = new DataView(values.buffer)
    const parameters = args.map((arg, i): unknown => {
      const [kind = 's', bytes = 0] = entry.parameters[i] ?? []
      if (arg instanceof DeviceArray) return arg.memory
      // What is const for the kernel is not copied back.
      if (typeof arg === 'object') return kind === 'c' ? [arg] : arg
      if (kind === 'f' && bytes === 4) view.setFloat32(16 * i, Number(arg), true)
      else if (kind === 'f') view.setFloat64(16 * i, Number(arg), true)
      else view.setBigInt64(16 * i, BigInt.asIntN(64, BigInt(typeof arg === 'number' ? Math.trunc(arg) : arg)), true)
      return undefined
    })
    const shape = Float64Array.of(...index3(launch.grid, 'grid'), ...index3(launch.block, 'block'), launch.shared ?? 0, launch.repeat ?? 1, seconds)
    let milliseconds: Float64Array
    try {
      milliseconds = await this.addon.launch(this.library, this.index, kernel, shape, values, parameters)
    } catch (cause) {
      throw new CudaError('CUDA_FAULT', `The kernel ${kernel} failed: ${messageOf(cause)}`, {
        where: `${this.file}, ${this.device}`, fix: 'module.launch(…) runs it in a process of its own, with the judge: it names the line', cause,
      })
    }
    const sorted = milliseconds.slice().sort()
    const middle = sorted.length >> 1
    const median = sorted.length % 2 === 1 ? sorted[middle] ?? Number.NaN : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
    return { device: this.device, kernel, milliseconds, medianMs: median, fastestMs: sorted[0] ?? Number.NaN }
  }
}
