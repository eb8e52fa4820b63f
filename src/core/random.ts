// Seeded randomness: the same seed gives the same numbers on every machine. Not for cryptography.

/** A generator of random numbers with its own state. */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  next(): number
  /** Uniform integer in [0, n). */
  int(n: number): number
  /** Standard normal: mean 0, variance 1 (Box and Muller, 1958). */
  normal(): number
  /** Permutes `items` in place, uniformly (Fisher and Yates), and returns it. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T
  /** An independent generator, for a part of the work that must not disturb the rest. */
  fork(): Random
}

/**
 * sfc32, a 128-bit chaotic counter generator that passes PractRand (C. Doty-Humphrey, PractRand, "sfc").
 *
 * @param seed any finite number; equal seeds give equal sequences
 */
export function random(seed: number): Random {
  const bits = new Uint32Array(new Float64Array([seed]).buffer)
  let a = 0x9e3779b9, b = bits[0] ?? 0, c = bits[1] ?? 0, counter = 1
  const next32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 15; i++) next32()
  let spare: number | undefined
  const self: Random = {
    next: () => next32() / 4294967296,
    int: (n) => Math.floor((next32() / 4294967296) * n),
    normal() {
      if (spare !== undefined) {
        const value = spare
        spare = undefined
        return value
      }
      const radius = Math.sqrt(-2 * Math.log(1 - self.next()))
      const angle = 2 * Math.PI * self.next()
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
    shuffle(items) {
      const array = items as { length: number; [index: number]: unknown }
      for (let i = array.length - 1; i > 0; i--) {
        const j = self.int(i + 1)
        const kept = array[i]
        array[i] = array[j]
        array[j] = kept
      }
      return items
    },
    fork: () => random(next32()),
  }
  return self
}
