// What a value of the graph is while the model runs: a TensorFlow.js tensor, in ONNX's order of axes or with the channels
// last, made when asked for; and, for sizes and indices, the numbers themselves, so that shapes need no round trip.
import * as tf from '@tensorflow/tfjs'
import { DTYPES, elementCount, type DType } from '../../core'
import { Tensor } from '../../onnx'
import { ConvertError } from '../errors'

const LOW = -2147483648
const HIGH = 2147483647

interface Parts {
  plain?: tf.Tensor
  last?: tf.Tensor
  known?: Tensor
}

/** The order of axes that puts axis 1 last: [0, 2, …, 1]. */
const toLast = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]
const fromLast = (rank: number): number[] => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)]

export class Datum {
  private readonly parts: Parts

  private constructor(
    readonly dtype: DType,
    parts: Parts,
    /** For quantized weights that are trained: the tensor holds the numbers before quantization. */
    readonly latent: boolean = false,
  ) {
    this.parts = parts
  }

  /** A tensor with axes in ONNX's order. The element type is ONNX's; TensorFlow.js holds it in the nearest it has. */
  static of(tensor: tf.Tensor, dtype: DType = dtypeOfTensor(tensor)): Datum {
    return new Datum(dtype, { plain: tensor })
  }

  /** A tensor whose channels, axis 1 in ONNX, are its last axis. */
  static channelsLast(tensor: tf.Tensor, dtype: DType = dtypeOfTensor(tensor)): Datum {
    return tensor.rank < 3 ? Datum.of(tensor, dtype) : new Datum(dtype, { last: tensor })
  }

  /** Numbers that are known without computing anything. */
  static known(tensor: Tensor): Datum {
    return new Datum(tensor.dtype, { known: tensor })
  }

  /** A constant: its numbers, and the tensor made of them. */
  static constant(known: Tensor, tensor: tf.Tensor): Datum {
    return new Datum(known.dtype, { known, plain: tensor })
  }

  /** A quantized weight by its numbers before quantization. */
  static latent(tensor: tf.Tensor, dtype: DType): Datum {
    return new Datum(dtype, { plain: tensor }, true)
  }

  get shape(): number[] {
    const { plain, last, known } = this.parts
    if (plain !== undefined) return plain.shape
    if (known !== undefined) return [...known.shape]
    const shape = last?.shape ?? []
    return fromLast(shape.length).map((axis) => shape[axis] ?? 1)
  }

  get rank(): number {
    return this.shape.length
  }

  get size(): number {
    return elementCount(this.shape)
  }

  get isFloat(): boolean {
    return DTYPES[this.dtype].kind === 'float'
  }

  /** Whether only the form with channels last is there, so that using it saves a transpose. */
  get isLast(): boolean {
    return this.parts.plain === undefined && this.parts.known === undefined
  }

  /** With axes in ONNX's order. */
  get tensor(): tf.Tensor {
    const { plain, last, known } = this.parts
    if (plain !== undefined) return plain
    if (last !== undefined) return (this.parts.plain = tf.transpose(last, fromLast(last.rank)))
    return tensorOf(known ?? Tensor.scalar(0))
  }

  /** With axis 1 last. For ranks under 3 there is no difference. */
  get lastTensor(): tf.Tensor {
    if (this.rank < 3) return this.tensor
    // That of a weight was made in an earlier run, and freed with everything else of it.
    const { last } = this.parts
    return last?.isDisposed === false ? last : (this.parts.last = tf.transpose(this.tensor, toLast(this.rank)))
  }

  /** Frees the tensor, where one was made. */
  dispose(): void {
    const { plain } = this.parts
    if (plain?.isDisposed === false) plain.dispose()
  }

  /** The numbers if they are known without computing. */
  get known(): Tensor | undefined {
    return this.parts.known
  }

  /** The numbers, computed if they have to be: for shapes and indices that depend on data. */
  numbers(): number[] {
    const { known } = this.parts
    return known === undefined ? Array.from(this.tensor.dataSync()) : known.numbers()
  }

  /** As an ONNX tensor of this type. */
  toKnown(): Tensor {
    return this.parts.known ?? Tensor.from(this.numbers(), this.shape, this.dtype)
  }

  /** The same elements computed one by one, in whatever order they lie. */
  map(f: (x: tf.Tensor) => tf.Tensor, dtype: DType = this.dtype): Datum {
    return this.isLast ? Datum.channelsLast(f(this.lastTensor), dtype) : Datum.of(f(this.tensor), dtype)
  }
}

/** The TensorFlow.js type that holds an ONNX type. */
export function tensorFlowType(dtype: DType): 'float32' | 'int32' | 'bool' | 'string' {
  const { kind } = DTYPES[dtype]
  if (kind === 'complex') throw new ConvertError('CONVERT_DTYPE', 'Complex numbers have no gradient form here', { got: dtype })
  return kind === 'float' ? 'float32' : kind === 'bool' ? 'bool' : kind === 'string' ? 'string' : 'int32'
}

function dtypeOfTensor(tensor: tf.Tensor): DType {
  return tensor.dtype === 'float32' || tensor.dtype === 'int32' || tensor.dtype === 'bool' ? tensor.dtype : 'string'
}

/**
 * An ONNX tensor as a TensorFlow.js one. Floats become float32, integers int32.
 *
 * @throws ConvertError `CONVERT_DTYPE` for integers beyond 32 bits; the largest and smallest of 64 bits, which mean
 * "no limit", are cut instead
 */
export function tensorOf(tensor: Tensor): tf.Tensor {
  const type = tensorFlowType(tensor.dtype)
  const shape = [...tensor.shape]
  if (type === 'string') return tf.tensor(tensor.toArray() as string[], shape, 'string')
  const array = tensor.toArray()
  if (type === 'float32') return tf.tensor(array instanceof Float32Array ? array.slice() : Float32Array.from(array as ArrayLike<number>), shape, type)
  if (type === 'bool') return tf.tensor(Uint8Array.from(array as ArrayLike<number>), shape, type)
  const out = new Int32Array(array.length)
  for (let i = 0; i < out.length; i++) {
    const value = Number(array[i])
    if ((value > HIGH && value < 2 ** 62) || (value < LOW && value > -(2 ** 62))) {
      throw new ConvertError('CONVERT_DTYPE', 'An integer of the model is beyond what TensorFlow.js can hold', {
        expected: `${LOW} to ${HIGH}`, got: String(array[i]), fix: 'keep such numbers out of the part of the model that is trained here',
      })
    }
    out[i] = Math.min(HIGH, Math.max(LOW, value))
  }
  return tf.tensor(out, shape, 'int32')
}
