// Mutated inputs for readers of untrusted files: bytes flipped, cut, repeated, replaced by numbers that break readers.
// For tests only; WHETSTONE_FUZZ sets how many inputs each reader gets, WHETSTONE_FUZZ_SEED which.
import { random, WhetstoneError, type Random } from '../../../src/core'

/** Inputs given to each reader. */
export const FUZZ_RUNS: number = Number(process.env['WHETSTONE_FUZZ'] ?? 2000)

/** Of the mutations: another one, other inputs. */
export const FUZZ_SEED: number = Number(process.env['WHETSTONE_FUZZ_SEED'] ?? 1)

/** Milliseconds for a test that gives so many inputs to a reader, on a busy machine. */
export const FUZZ_TIMEOUT: number = 120_000 + FUZZ_RUNS * 100

/** Milliseconds of processor time that no reader of a small input may take. */
const MOST_MILLISECONDS = 5_000

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

/** A changed copy of one of the inputs. */
export function mutate(seeds: readonly Uint8Array[], source: Random): Uint8Array {
  const pick = (): Uint8Array => seeds[source.int(seeds.length)] ?? new Uint8Array()
  let bytes = Uint8Array.from(pick())
  for (let count = 1 + source.int(4); count > 0 && bytes.length > 0; count--) {
    const at = source.int(bytes.length)
    switch (source.int(6)) {
      case 0: bytes[at] = (bytes[at] ?? 0) ^ (1 << source.int(8)); break
      case 1: bytes[at] = source.int(256); break
      case 2: bytes = bytes.slice(0, at); break
      case 3: {
        const value = EXTREMES[source.int(EXTREMES.length)] ?? 0
        for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = (value >>> (8 * i)) & 255
        break
      }
      case 4: {
        const length = source.int(Math.min(64, bytes.length - at) + 1)
        bytes = Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at)])
        break
      }
      default: {
        const other = pick()
        const from = source.int(other.length)
        bytes.set(other.subarray(from, from + Math.min(32, bytes.length - at, other.length - from)), at)
      }
    }
  }
  return bytes
}

/**
 * Gives a reader many mutated inputs. It must answer each or throw a `WhetstoneError`, in time and memory in proportion.
 *
 * @returns how many were read and how many refused
 */
export function fuzz(seeds: readonly Uint8Array[], read: (bytes: Uint8Array) => void, runs: number = FUZZ_RUNS, seed: number = FUZZ_SEED): { read: number; refused: number } {
  const source = random(seed)
  const counts = { read: 0, refused: 0 }
  const before = process.memoryUsage().rss
  for (let i = 0; i < runs; i++) {
    const bytes = mutate(seeds, source)
    const start = process.cpuUsage()
    try {
      read(bytes)
      counts.read++
    } catch (error) {
      if (!(error instanceof WhetstoneError)) {
        throw new Error(`input ${i} of seed ${seed}: ${(error as Error).stack ?? String(error)}\n${Buffer.from(bytes).toString('base64').slice(0, 4000)}`, { cause: error })
      }
      counts.refused++
    }
    const { user, system } = process.cpuUsage(start)
    const took = (user + system) / 1000
    if (took > MOST_MILLISECONDS) throw new Error(`input ${i} of seed ${seed} took ${took.toFixed(0)} ms: ${Buffer.from(bytes).toString('base64').slice(0, 4000)}`)
  }
  const grown = process.memoryUsage().rss - before
  if (grown > 2 ** 30) throw new Error(`memory grew by ${grown} bytes over ${runs} inputs`)
  return counts
}
