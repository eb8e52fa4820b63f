// Arrays of disposed tensors, kept for later runs to write into. A new array of a megabyte has to be cleared and paged in,
// some tenths of a millisecond, and later collected; a training step makes as many as it has large weights.
import type { EngineData, EngineDType } from './record'

/** Arrays of fewer bytes are left to the garbage collector. */
const LEAST = 2 ** 14
/** Bytes kept. */
const MOST = 2 ** 26

const KINDS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const

/** Free arrays by type and length. */
export class Arrays {
  readonly #free = new Map<string, EngineData[]>()
  #bytes = 0

  /** Bytes that are kept and not used. */
  get bytes(): number {
    return this.#bytes
  }

  /** An array whose elements may be anything. */
  take(dtype: EngineDType, length: number): EngineData {
    const found = this.#free.get(`${dtype} ${length}`)?.pop()
    if (!found) return new KINDS[dtype](length)
    this.#bytes -= found.byteLength
    return found
  }

  /** Takes an array that nobody can look at any more. */
  give(dtype: EngineDType, data: EngineData): void {
    if (data.byteLength < LEAST || data.byteLength > MOST) return
    // Full of sizes that are not asked for any more, most likely.
    if (this.#bytes + data.byteLength > MOST) this.clear()
    const key = `${dtype} ${data.length}`
    const list = this.#free.get(key)
    if (list) list.push(data)
    else this.#free.set(key, [data])
    this.#bytes += data.byteLength
  }

  clear(): void {
    this.#free.clear()
    this.#bytes = 0
  }
}
