// What the lowering of a PyTorch operator sees: its arguments, its results, and the means to add ONNX nodes. One context per node.
import type { DType } from '../../core'
import { formatShape, tensorType, Tensor, type Attributes, type Dim, type Value } from '../../onnx'
import { ConvertError } from '../errors'
import { isContiguous } from '../strided'
import { Cell, reshapesInPlace, type ViewStep } from './alias'
import { NodeArguments, type SizeValue } from './arguments'
import type { Size, TensorMeta } from './program'

/** What an operand may be, besides a value. */
export type Input = Value | number | undefined

export class TorchContext extends NodeArguments {
  /** ONNX operators made for this node. */
  readonly made: Record<string, number> = {}

  get opset(): number {
    return this.lowerer.opset
  }

  /** The argument as an operand of this type: a tensor (cast when needed), a number, or a symbolic one. */
  operand(name: string, dtype: DType): Value {
    const argument = this.argument(name)
    switch (argument?.kind) {
      case 'tensor': return this.cast(this.tensor(name), dtype)
      case 'int': case 'float': return this.scalar(argument.value, dtype)
      case 'bool': return this.scalar(Number(argument.value), dtype)
      case 'symInt': return this.cast(this.op('Squeeze', [this.lowerer.size(argument.name).vector()]), dtype)
      case 'symFloat': return this.cast(this.lowerer.cell(argument.name).value, dtype)
      default: throw this.wrong(name, 'a tensor or number')
    }
  }

  // What PyTorch says of the results.

  /** Names of the results, lists of them spread out. */
  get results(): readonly string[] {
    return this.node.outputs.flatMap((output) => ('name' in output ? [output.name] : output.kind === 'tensors' ? output.names.map((name) => name ?? '') : ['']))
  }

  resultMeta(index = 0): TensorMeta {
    return this.found(`result ${index}`, this.graph.tensors.get(this.results[index] ?? ''), 'a tensor that the file describes')
  }

  get resultType(): DType {
    return this.resultMeta().dtype
  }

  resultSizes(index = 0): readonly Dim[] {
    return this.resultMeta(index).sizes.map((size) => this.lowerer.dim(size))
  }

  // Values.

  dtype(value: Value): DType {
    if (value.dtype === undefined) throw this.error(`the type of ${value.name} is not known`)
    return value.dtype
  }

  shape(value: Value): readonly Dim[] {
    if (value.shape === undefined) throw this.error(`the rank of ${value.name} is not known`)
    return value.shape
  }

  rank(value: Value): number {
    return this.shape(value).length
  }

  /** The axis that an argument names, counted from the front. */
  axis(name: string, rank: number, otherwise?: number): number {
    return this.normal(this.int(name, otherwise), rank)
  }

  normal(axis: number, rank: number): number {
    const at = axis < 0 ? axis + Math.max(1, rank) : axis
    if (at < 0 || at >= Math.max(1, rank)) throw this.error('an axis is outside the tensor', { expected: `-${rank} to ${rank - 1}`, got: String(axis) })
    return at
  }

  /** The size of one axis. */
  sizeOf(value: Value, axis: number): SizeValue {
    const dim = this.shape(value)[axis] ?? null
    return typeof dim === 'number' ? this.fixed(dim) : { dim, vector: () => this.op('Shape', [value], { start: axis, end: axis + 1 }) }
  }

  sizesOf(value: Value): SizeValue[] {
    return this.shape(value).map((_, axis) => this.sizeOf(value, axis))
  }

  scalar(value: number, dtype: DType): Value {
    return this.lowerer.constant([value], dtype, [])
  }

  /** An int64 tensor of these sizes. */
  vectorOf(sizes: readonly SizeValue[]): Value {
    if (sizes.every(({ dim }) => typeof dim === 'number')) return this.vector(sizes.map(({ dim }) => Number(dim)))
    const parts: Value[] = []
    let known: number[] = []
    const flush = (): void => {
      if (known.length > 0) parts.push(this.vector(known))
      known = []
    }
    for (const size of sizes) {
      if (typeof size.dim === 'number') known.push(size.dim)
      else {
        flush()
        parts.push(size.vector())
      }
    }
    flush()
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : this.op('Concat', parts, { axis: 0 })
  }

  op(type: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value {
    // Runtimes choose between bytes, not between truth values.
    if (type === 'Where' && inputs[1]?.dtype === 'bool' && inputs[2]?.dtype === 'bool') {
      const [condition, ...parts] = inputs
      return this.cast(this.op(type, [condition, ...parts.map((part) => part && this.cast(part, 'uint8'))]), 'bool')
    }
    const [first] = this.ops(type, inputs, attributes, 1)
    if (first === undefined) throw this.error(`${type} gave no output`)
    return first
  }

  ops(type: string, inputs: readonly (Value | undefined)[], attributes: Attributes, outputs: number, domain = ''): readonly Value[] {
    this.made[type] = (this.made[type] ?? 0) + 1
    return this.lowerer.emit(this, type, inputs, attributes, outputs, domain)
  }

  cast(value: Value, dtype: DType): Value {
    if (value.dtype === dtype) return value
    const tensor = value.tensor
    if (tensor !== undefined && tensor.size <= 64 && this.lowerer.isConstant(value)) return this.lowerer.constant(tensor.numbers(), dtype, tensor.shape)
    return this.op('Cast', [value], { to: this.lowerer.code(dtype) })
  }

  /** The value in another shape. Constant where at most one size is unknown, by 0 and -1 of ONNX's Reshape. */
  reshape(value: Value, sizes: readonly SizeValue[]): Value {
    const from = value.shape
    if (from?.length === sizes.length && from.every((dim, i) => dim !== null && dim === sizes[i]?.dim)) return value
    const target = sizes.map(({ dim }, i): number | undefined =>
      typeof dim === 'number' ? dim : dim !== null && from?.[i] === dim ? 0 : undefined)
    const empty = sizes.some(({ dim }) => dim === 0)
    const open = target.filter((size) => size === undefined || size === -1).length
    if (!empty && open <= 1) return this.op('Reshape', [value, this.vector(target.map((size) => size ?? -1))])
    return this.op('Reshape', [value, this.vectorOf(sizes)], empty ? { allowzero: 1 } : {})
  }

  transpose(value: Value, order: readonly number[]): Value {
    return order.every((axis, i) => axis === i) ? value : this.op('Transpose', [value], { perm: order })
  }

  unsqueeze(value: Value, ...axes: number[]): Value {
    return this.op('Unsqueeze', [value, this.vector(axes)])
  }

  squeeze(value: Value, ...axes: number[]): Value {
    return this.op('Squeeze', [value, this.vector(axes)])
  }

  /** Elements start, start + step, … before end along an axis. */
  slice(value: Value, axis: number, start: SizeValue, end: SizeValue, step = 1): Value {
    return this.op('Slice', [value, start.vector(), end.vector(), this.vector([axis]), ...(step === 1 ? [] : [this.vector([step])])])
  }

  expand(value: Value, sizes: readonly SizeValue[]): Value {
    const from = value.shape
    if (from?.length === sizes.length && from.every((dim, i) => dim !== null && dim === sizes[i]?.dim)) return value
    return this.op('Expand', [value, this.vectorOf(sizes)])
  }

  // Results.

  /** Gives result number `index` its value. */
  set(value: Value, index = 0): void {
    const name = this.results[index]
    if (name === undefined || name === '') return
    this.lowerer.define(name, Cell.of(this.typed(value, index)))
  }

  setAll(values: readonly Value[]): void {
    values.forEach((value, index) => { this.set(value, index) })
  }

  /**
   * Where all results are known to have no elements, they are constants: there is nothing to compute, and runtimes disagree
   * on many operators without elements.
   */
  setEmpty(): boolean {
    const metas = this.results.map((name) => this.graph.tensors.get(name))
    const empty = (meta: TensorMeta | undefined): meta is TensorMeta => meta?.sizes.every((size) => typeof size === 'number') === true && meta.sizes.includes(0)
    if (metas.length === 0 || !metas.every(empty) || this.node.target.split('.')[1]?.endsWith('_') === true) return false
    metas.forEach(({ dtype, sizes }, i) => { this.set(this.lowerer.constant([], dtype, sizes.map(Number)), i) })
    return true
  }

  setSize(size: SizeValue): void {
    const name = this.results[0]
    if (name !== undefined) this.lowerer.defineSize(name, size, this.graph.symInts.get(name))
  }

  /** Gives a result that shares the storage of an argument; `first` is its value now, where that is made for several at once. */
  setView(of: Cell, step: ViewStep, index = 0, first?: Value): void {
    const name = this.results[index]
    if (name === undefined || name === '') return
    this.lowerer.define(name, of.view(step, this.typed(first ?? step.forward(of.value), index)))
  }

  /** The result is the argument itself. */
  setSame(name: string): void {
    const result = this.results[0]
    if (result !== undefined) this.lowerer.define(result, this.cell(name))
  }

  /** Whether a reshape of this argument to the result's shape shares its storage in PyTorch. */
  sharesWhenReshaped(name: string): boolean {
    const { sizes, strides } = this.meta(name)
    return reshapesInPlace(hints(sizes), hints(strides), hints(this.resultMeta().sizes))
  }

  /** Whether PyTorch keeps the elements of this argument in row-major order. */
  isContiguous(name: string): boolean {
    const { sizes, strides } = this.meta(name)
    return isContiguous({ shape: hints(sizes), strides: hints(strides) })
  }

  /** The value with the type that PyTorch says it has; cast where ONNX gives another, refused where shapes contradict. */
  private typed(value: Value, index: number): Value {
    const meta = this.graph.tensors.get(this.results[index] ?? '')
    if (meta === undefined) return value
    const result = value.dtype === undefined || value.dtype === meta.dtype ? value : this.cast(value, meta.dtype)
    const sizes = meta.sizes.map((size) => this.lowerer.dim(size))
    const known = result.shape
    const differs = known !== undefined && (known.length !== sizes.length
      || known.some((dim, axis) => typeof dim === 'number' && typeof sizes[axis] === 'number' && dim !== sizes[axis]))
    if (differs) {
      throw new ConvertError('CONVERT_SHAPE', `${this.node.target} has another shape than the file says`, {
        expected: formatShape(sizes), got: formatShape(known), where: this.place,
        fix: 'export the module again; if it stays so, report the operator with its arguments',
      })
    }
    // Weights keep the type of their tensor.
    if (result.producer !== undefined) {
      const finer = sizes.map((dim, axis) => (typeof known?.[axis] === 'number' ? known[axis] : dim))
      result.type = tensorType(meta.dtype, finer.map((dim, axis) => dim ?? known?.[axis] ?? null))
    }
    return result
  }

  /** The tensor of a value that is known when converting. */
  constantOf(value: Value): Tensor | undefined {
    return value.tensor
  }
}

/** Sizes as they were when exporting: what decides about views. */
const hints = (list: readonly Size[]): number[] => list.map((size) => (typeof size === 'number' ? size : size.hint ?? 1))
