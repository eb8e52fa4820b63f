// What the lowering of a Keras layer is given: its configuration, weights and inputs, and tools to emit nodes.
import { Tensor, type Value } from '../../onnx'
import { ConvertError } from '../errors'
import type { Json } from '../json'
import type { Lowering } from '../operators'
import { Held, type Emitter } from '../tensorflow/held'

/** What the lowering of a layer sees. */
export class LayerContext {
  result: Held | undefined

  constructor(readonly emitter: Emitter, readonly name: string, readonly kind: string, readonly config: Json, readonly inputs: readonly Held[], readonly weights: readonly Tensor[]) {}

  error(what: string, got?: string): ConvertError {
    return new ConvertError('CONVERT_OPERATOR', `${this.kind}: ${what}`, { ...(got === undefined ? {} : { got }), where: `layer ${this.name}` })
  }

  get x(): Held {
    const [first] = this.inputs
    if (first === undefined) throw this.error('the layer has no input')
    return first
  }

  get rank(): number {
    return this.x.rank ?? 2
  }

  weight(index: number): Tensor {
    const found = this.weights[index]
    if (found === undefined) throw new ConvertError('CONVERT_WEIGHTS', `${this.kind}: a weight is missing`, { expected: `weight ${index}`, got: `${this.weights.length} weights`, where: `layer ${this.name}`, fix: 'save the whole model, not only its configuration' })
    return found
  }

  flag(key: string, otherwise = true): boolean {
    return this.config.maybe(key)?.bool ?? otherwise
  }

  text(key: string, otherwise: string): string {
    return this.config.maybe(key)?.text ?? otherwise
  }

  float(key: string, otherwise: number): number {
    return this.config.maybe(key)?.float ?? otherwise
  }

  int(key: string, otherwise: number): number {
    return this.config.maybe(key)?.int ?? otherwise
  }

  /** A number or list of numbers as a list of `count`. */
  ints(key: string, count: number, otherwise = 1): number[] {
    const found = this.config.maybe(key)
    if (found === undefined) return new Array<number>(count).fill(otherwise)
    return Array.isArray(found.value) ? found.list.map((entry) => entry.int) : new Array<number>(count).fill(found.int)
  }

  op(opType: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, number | string | readonly number[] | readonly string[] | undefined>> = {}): Value {
    return this.emitter.op(opType, inputs, attributes)
  }

  constant(tensor: Tensor, name: string): Value {
    return this.emitter.tensor(tensor, `${this.name}/${name}`)
  }

  scalar(value: number): Value {
    return this.emitter.scalar(value)
  }

  out(value: Value): void {
    this.result = Held.of(this.emitter, value)
  }

  outFirst(value: Value): void {
    this.result = Held.first(this.emitter, value)
  }

  map(f: (value: Value) => Value): void {
    if (this.x.isFirst) this.outFirst(f(this.x.first))
    else this.out(f(this.x.value))
  }

  activated(value: Value, key = 'activation', otherwise = 'linear'): Value {
    const found = this.config.maybe(key)
    const name = found === undefined ? otherwise : typeof found.value === 'string' ? found.text : found.maybe('class_name')?.text ?? found.maybe('config')?.text ?? otherwise
    return activation(this, value, name)
  }
}

function activation(c: LayerContext, x: Value, name: string): Value {
  switch (name.replaceAll('_', '').toLowerCase()) {
    case 'linear': return x
    case 'relu': return c.op('Relu', [x])
    case 'relu6': return c.op('Clip', [x, c.scalar(0), c.scalar(6)])
    case 'sigmoid': return c.op('Sigmoid', [x])
    case 'tanh': return c.op('Tanh', [x])
    case 'elu': return c.op('Elu', [x])
    case 'selu': return c.op('Selu', [x])
    case 'softplus': return c.op('Softplus', [x])
    case 'softsign': return c.op('Softsign', [x])
    case 'gelu': return c.op('Gelu', [x])
    case 'exponential': return c.op('Exp', [x])
    case 'mish': return c.op('Mish', [x])
    case 'swish':
    case 'silu': return c.op('Mul', [x, c.op('Sigmoid', [x])])
    case 'hardsigmoid': return c.op('HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 })
    case 'hardswish':
    case 'hardsilu': return c.op('HardSwish', [x])
    case 'softmax': return c.op('Softmax', [x], { axis: -1 })
    default: throw c.error('the activation has no ONNX form', name)
  }
}

/** An entry of the table of layers. */
export const entry = (makes: readonly string[], lower: (c: LayerContext) => void): Lowering<LayerContext> => ({ makes, lower })
