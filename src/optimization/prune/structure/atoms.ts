// The elements of the dependency analysis: an atom is one coordinate of one axis of one value, and atoms that can only be
// removed together are in one class (union-find).
import type { Value } from '../../../onnx'

/** One coordinate along one axis of a value. */
export interface Atom {
  readonly value: Value
  readonly axis: number
  readonly index: number
}

/** Classes of atoms, and the reasons why a class cannot be removed. */
export class Atoms {
  readonly #places = new Map<Value, number[]>()
  readonly #atoms: { readonly value: Value; readonly axis: number; readonly first: number; readonly size: number }[] = []
  readonly #parents: number[] = []
  readonly #reasons = new Map<number, string>()

  /** Takes in a value of known rank. Axes whose size is not a number have no atoms. */
  add(value: Value): void {
    if (this.#places.has(value)) return
    this.#places.set(value, (value.shape ?? []).map((size, axis) => {
      if (typeof size !== 'number') return -1
      const first = this.#parents.length
      this.#atoms.push({ value, axis, first, size })
      for (let i = 0; i < size; i++) this.#parents.push(first + i)
      return first
    }))
  }

  /** Number of coordinates of an axis; undefined when it is no number or the value is not known. */
  size(value: Value, axis: number): number | undefined {
    const size = value.shape?.[axis]
    return typeof size === 'number' && (this.#places.get(value)?.[axis] ?? -1) >= 0 ? size : undefined
  }

  /** These two coordinates are removed together. */
  join(a: Value, axisA: number, indexA: number, b: Value, axisB: number, indexB: number): void {
    const [from, to] = [this.#id(a, axisA, indexA), this.#id(b, axisB, indexB)]
    if (from === undefined || to === undefined) {
      // The other side has no coordinates, so nothing could be removed from it.
      if (from !== undefined) this.#pinRoot(this.#find(from), `the size of axis ${axisB} of "${b.name}" is not a number`)
      if (to !== undefined) this.#pinRoot(this.#find(to), `the size of axis ${axisA} of "${a.name}" is not a number`)
      return
    }
    const [p, q] = [this.#find(from), this.#find(to)]
    if (p === q) return
    this.#parents[p] = q
    const reason = this.#reasons.get(p)
    if (reason !== undefined) this.#pinRoot(q, reason)
  }

  /** Whole axes, coordinate by coordinate; different sizes pin both. */
  joinAxes(a: Value, axisA: number, b: Value, axisB: number): void {
    const [p, q] = [this.size(a, axisA), this.size(b, axisB)]
    if (p === undefined && q === undefined) return
    if (p !== q) {
      const reason = `"${a.name}" and "${b.name}" have different sizes where they meet`
      this.pin(a, axisA, reason)
      this.pin(b, axisB, reason)
      return
    }
    for (let i = 0; i < (p ?? 0); i++) this.join(a, axisA, i, b, axisB, i)
  }

  /** Nothing of this axis can be removed. */
  pin(value: Value, axis: number, reason: string): void {
    for (let i = 0; i < (this.size(value, axis) ?? 0); i++) {
      const id = this.#id(value, axis, i)
      if (id !== undefined) this.#pinRoot(this.#find(id), reason)
    }
  }

  /** Nothing of this value can be removed, apart from the axes named. */
  pinValue(value: Value, reason: string, except: readonly number[] = []): void {
    (value.shape ?? []).forEach((_, axis) => { if (!except.includes(axis)) this.pin(value, axis, reason) })
  }

  /** Why no coordinate of this axis can be removed; undefined when at least one can, as far as is known. */
  pinned(value: Value, axis: number): string | undefined {
    let reason: string | undefined
    for (let i = 0; i < (this.size(value, axis) ?? 0); i++) {
      const id = this.#id(value, axis, i)
      reason = id === undefined ? undefined : this.#reasons.get(this.#find(id))
      if (reason === undefined) return undefined
    }
    return reason
  }

  /** The classes that can be removed, each with its atoms. */
  free(): Atom[][] {
    const classes = new Map<number, Atom[]>()
    for (const { value, axis, first, size } of this.#atoms) {
      for (let index = 0; index < size; index++) {
        const root = this.#find(first + index)
        if (this.#reasons.has(root)) continue
        const members = classes.get(root)
        if (members) members.push({ value, axis, index })
        else classes.set(root, [{ value, axis, index }])
      }
    }
    return [...classes.values()]
  }

  #pinRoot(root: number, reason: string): void {
    if (!this.#reasons.has(root)) this.#reasons.set(root, reason)
  }

  #id(value: Value, axis: number, index: number): number | undefined {
    const first = this.#places.get(value)?.[axis] ?? -1
    return first < 0 || index >= (this.size(value, axis) ?? 0) ? undefined : first + index
  }

  #find(id: number): number {
    let root = id
    while (this.#parents[root] !== root) root = this.#parents[root] ?? root
    for (let at = id; at !== root;) {
      const next = this.#parents[at] ?? root
      this.#parents[at] = root
      at = next
    }
    return root
  }
}
