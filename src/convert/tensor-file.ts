// A file of named tensors (a state dict), whatever its format: tensors are read when they are asked for.
import { displaySymbol, elementCount, type Displayable, type DType, type MimeBundle, type Shape } from '../core'
import { formatShape, Tensor } from '../onnx'
import { ConvertError } from './errors'

/** One tensor of a file. */
export interface StoredTensor {
  readonly dtype: DType
  readonly shape: Shape
  /** Its bytes, row-major, from the file. */
  readonly read: () => Uint8Array
}

export class TensorFile implements Displayable {
  constructor(
    /** `safetensors`, `PyTorch checkpoint`. */
    readonly format: string,
    private readonly tensors: ReadonlyMap<string, StoredTensor>,
    /** Text that the file carries beside its tensors. */
    readonly metadata: ReadonlyMap<string, string>,
    /** Names that are the same tensor as another: name → that other. */
    readonly same: ReadonlyMap<string, string>,
    private readonly release: () => void,
  ) {}

  get names(): string[] {
    return [...this.tensors.keys()]
  }

  get size(): number {
    return this.tensors.size
  }

  /** Type and shape of a tensor, without reading it. */
  info(name: string): { readonly dtype: DType; readonly shape: Shape } | undefined {
    return this.tensors.get(name)
  }

  /**
   * Reads one tensor.
   *
   * @throws ConvertError `CONVERT_WEIGHTS` when there is none of this name
   */
  tensor(name: string): Tensor {
    const found = this.tensors.get(name)
    if (found === undefined) {
      const near = this.names.filter((other) => other.endsWith(`.${name}`) || name.endsWith(`.${other}`)).slice(0, 3)
      throw new ConvertError('CONVERT_WEIGHTS', `The file has no tensor ${name}`, {
        expected: `one of ${this.names.slice(0, 8).join(', ')}${this.size > 8 ? ', …' : ''}`, ...(near.length === 0 ? {} : { fix: `perhaps ${near.join(' or ')}` }),
      })
    }
    return Tensor.ofBytes(found.dtype, found.shape, found.read(), { name })
  }

  /** Every tensor, one after the other. */
  *[Symbol.iterator](): Generator<[string, Tensor]> {
    for (const name of this.tensors.keys()) yield [name, this.tensor(name)]
  }

  /** All tensors at once. */
  toMap(): Map<string, Tensor> {
    return new Map(this)
  }

  /** Lets go of the file. */
  close(): void {
    this.release()
  }

  toString(): string {
    const rows = this.names.map((name) => {
      const { dtype, shape } = this.tensors.get(name) ?? { dtype: 'float32', shape: [] }
      return `  ${name}: ${dtype}${formatShape(shape)}`
    })
    let elements = 0
    for (const { shape } of this.tensors.values()) elements += elementCount(shape)
    return [`${this.format}: ${this.size} tensors, ${elements} elements`, ...rows].join('\n')
  }

  [displaySymbol](): MimeBundle {
    return { 'text/plain': this.toString() }
  }
}

