// How a kernel is launched: sizes and arguments, and whether they fit its parameters.
import { DeviceArray } from './device-array'
import { CudaError } from './errors'
import type { Index3 } from './faults'
import type { CudaArgument } from './run'

/** A kernel of a compiled program: the kind of each parameter (p, c pointers; i, u, f numbers; s else) and its bytes. */
export interface Entry { readonly name: string, readonly parameters: readonly (readonly [string, number])[] }

/** A launch: `grid` and `block` as a number or as [x, y, z]. */
export interface Launch {
  readonly grid: number | readonly number[]
  readonly block: number | readonly number[]
  /** Bytes of dynamic shared memory. */
  readonly shared?: number
  /** Launches in a row; the arrays are given back after the last. */
  readonly repeat?: number
}

/** A typed array (its own memory on the emulator, copied to a GPU and back), device memory, or a number. */
export type LoadedArgument = CudaArgument | DeviceArray

/** A size of a launch as [x, y, z]. */
export function index3(value: number | readonly number[], what: string): Index3 {
  const list = typeof value === 'number' ? [value] : value
  const [x = 1, y = 1, z = 1] = list
  if (list.length > 3 || [x, y, z].some((n) => !Number.isInteger(n) || n < 0)) {
    throw new CudaError('CUDA_LAUNCH', `The ${what} is not a size`, { expected: 'a whole number, or [x, y, z]', got: JSON.stringify(value) })
  }
  return [x, y, z]
}

const KINDS: Readonly<Record<string, string>> = { p: 'an array', c: 'an array', i: 'a whole number', u: 'a whole number', f: 'a number', s: 'a struct, which only C++ can pass' }

/** @throws CudaError `CUDA_LAUNCH` when an argument does not fit its parameter */
export function checkArguments(kernel: string, args: readonly LoadedArgument[], parameters: readonly (readonly [string, number])[], file: string): void {
  const where = `${file}, kernel ${kernel}`
  if (args.length !== parameters.length) {
    throw new CudaError('CUDA_LAUNCH', 'The kernel takes another number of arguments', { expected: String(parameters.length), got: String(args.length), where })
  }
  for (const [i, [kind, bytes]] of parameters.entries()) {
    const arg = args[i]
    const array = typeof arg === 'object'
    const size = arg instanceof DeviceArray ? arg.bytesPerElement : array ? arg.BYTES_PER_ELEMENT : 0
    const pointer = kind === 'p' || kind === 'c'
    const whole = kind !== 'i' && kind !== 'u' || array || typeof arg !== 'number' || Number.isInteger(arg)
    if (pointer === array && kind !== 's' && whole) {
      // Vector types are made of elements: float4 of 4 bytes each. Bytes of another kind cannot be what is meant.
      if (!array || bytes % size === 0) continue
    }
    const got = array ? `${arg.constructor.name}, ${size} bytes an element` : String(arg)
    throw new CudaError('CUDA_LAUNCH', `Argument ${i + 1} does not fit its parameter`, { expected: `${KINDS[kind] ?? kind}${pointer ? ` of elements of ${bytes} bytes` : ''}`, got, where })
  }
}
