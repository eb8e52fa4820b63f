// Numbers that code writes into every step, such as the 0.2 and 0.5 of an activation, are inputs of the recorded graph, as
// nothing says that they stay the same. Once they have, they are worth being constants: fewer inputs, and simpler graphs.
import type { Lazy } from './record'

/** Runs in which a number has to be the same. */
const RUNS = 8
/** Fewer numbers are not worth another session. */
const FEWEST = 16
/** Sessions made for one graph; a learning rate that changes now and then asks for a few. */
export const MOST_SPECIAL = 3

const numberOf = (leaf: Lazy | undefined): number | undefined => (leaf?.data?.length === 1 ? leaf.data[0] : undefined)

/** The numbers among the leaves of a graph, as they were in its last runs. */
export class Numbers {
  specialized = 0
  readonly #at: readonly number[]
  readonly #last: number[]
  readonly #same: number[]

  constructor(leaves: readonly Lazy[]) {
    this.#at = leaves.flatMap((leaf, i) => (numberOf(leaf) === undefined ? [] : [i]))
    this.#last = this.#at.map((i) => numberOf(leaves[i]) ?? 0)
    this.#same = this.#at.map(() => 0)
  }

  /** Looks at a run. Gives the numbers that have not changed, by place, in the runs in which that has just become known. */
  seen(leaves: readonly Lazy[]): ReadonlyMap<number, number> | undefined {
    if (this.#at.length < FEWEST) return undefined
    this.#at.forEach((i, k) => {
      const value = numberOf(leaves[i]) ?? 0
      this.#same[k] = Object.is(value, this.#last[k]) ? (this.#same[k] ?? 0) + 1 : 0
      this.#last[k] = value
    })
    if (!this.#same.includes(RUNS)) return undefined
    const stable = new Map(this.#at.flatMap((i, k) => ((this.#same[k] ?? 0) >= RUNS ? [[i, this.#last[k] ?? 0] as const] : [])))
    return stable.size >= FEWEST ? stable : undefined
  }
}

/** Whether the leaves still have these numbers. */
export function holds(frozen: ReadonlyMap<number, number>, leaves: readonly Lazy[]): boolean {
  for (const [i, value] of frozen) if (!Object.is(numberOf(leaves[i]), value)) return false
  return true
}
