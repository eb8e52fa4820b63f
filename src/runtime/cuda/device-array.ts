// An array in the memory of a device that outlives launches.
import { CudaError } from './errors'
import type { Addon, Handle } from './addon'
import type { CudaArray } from './run'

/** The kinds of arrays that a device can hold. */
export const ARRAYS = {
  Float32Array, Float64Array, Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array,
} as const
/** The name of such a kind. */
export type ArrayName = keyof typeof ARRAYS

/** An array in the device's memory that outlives launches. On the emulator it is memory of this computer. */
export class DeviceArray<T extends CudaArray = CudaArray> {
  #released = false
  /** @internal made by `LoadedModule.array` */
  constructor(readonly addon: Addon, readonly memory: Handle, readonly length: number, readonly make: new (length: number) => T, readonly bytesPerElement: number) {}

  /** Its contents now, as a new typed array. */
  read(): T {
    this.#must()
    const array = new this.make(this.length)
    this.addon.copy(this.memory, array, false)
    return array
  }

  /** Copies an array to the device. */
  write(array: T): void {
    this.#must()
    if (array.length !== this.length) throw new CudaError('CUDA_LAUNCH', 'The array has another length than its place on the device', { expected: String(this.length), got: String(array.length) })
    this.addon.copy(this.memory, array, true)
  }

  /** Gives the memory back now instead of when the array is collected. */
  release(): void {
    this.#released = true
    this.addon.release(this.memory)
  }

  #must(): void {
    if (this.#released) throw new CudaError('CUDA_LAUNCH', 'The array was released', { fix: 'make it anew with module.array(…)' })
  }
}
