// In-place operators and views: PyTorch lets several tensors share one storage, and an operator such as `fill_` change all
// of them. ONNX values never change, so writing makes a new value of the storage, and views are taken of it again.
import type { Value } from '../../onnx'

/** How a view is taken of what it is a view of, and how a change of the view changes that. */
export interface ViewStep {
  readonly forward: (base: Value) => Value
  /** The base with the view's elements replaced; undefined where PyTorch refuses to write too. */
  readonly backward: ((base: Value, updated: Value) => Value) | undefined
}

class Storage {
  version = 0

  constructor(public value: Value) {}
}

/** What a name of the program stands for: a storage, seen through views. */
export class Cell {
  private seen: { readonly version: number; readonly value: Value }

  private constructor(private readonly storage: Storage, private readonly steps: readonly ViewStep[], value: Value) {
    this.seen = { version: storage.version, value }
  }

  /** A value of its own. */
  static of(value: Value): Cell {
    return new Cell(new Storage(value), [], value)
  }

  /** The value that it stands for now. */
  get value(): Value {
    if (this.seen.version !== this.storage.version) {
      const value = this.steps.reduce((base, step) => step.forward(base), this.storage.value)
      this.seen = { version: this.storage.version, value }
    }
    return this.seen.value
  }

  /** A view of this one, which shares its storage. */
  view(step: ViewStep, value: Value): Cell {
    return new Cell(this.storage, [...this.steps, step], value)
  }

  /**
   * Replaces the elements, for everything that shares the storage.
   *
   * @returns false when a view on the way cannot be written through
   */
  write(updated: Value): boolean {
    const bases = [this.storage.value]
    for (const step of this.steps.slice(0, -1)) bases.push(step.forward(bases.at(-1) ?? this.storage.value))
    let value = updated
    for (let i = this.steps.length - 1; i >= 0; i--) {
      const base = bases[i]
      const backward = this.steps[i]?.backward
      if (base === undefined || backward === undefined) return false
      value = backward(base, value)
    }
    this.storage.value = value
    this.storage.version++
    this.seen = { version: this.storage.version, value: updated }
    return true
  }
}

/**
 * Whether a reshape of a tensor with these strides needs no copy: every new axis lies within a run of old axes whose
 * elements follow each other (aten/src/ATen/TensorUtils.cpp, computeStride).
 */
export function reshapesInPlace(shape: readonly number[], strides: readonly number[], target: readonly number[]): boolean {
  if (shape.includes(0)) return true
  let axis = target.length - 1
  let run = 1
  let filled = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    run *= shape[i] ?? 1
    const breaks = i === 0 || ((shape[i - 1] ?? 1) !== 1 && strides[i - 1] !== (shape[i] ?? 1) * (strides[i] ?? 1))
    if (!breaks) continue
    while (axis >= 0 && (filled < run || target[axis] === 1)) filled *= target[axis--] ?? 1
    if (filled !== run) return false
    run = filled = 1
  }
  return true
}
