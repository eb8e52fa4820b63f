// Values whose numbers are known: initializers that no caller can replace, and Constant nodes. And arithmetic on weights.
import { DTYPES, type DType } from '../core'
import { sameDomain, Tensor, type Node, type Value } from '../onnx'

const produced = new WeakMap<Node, Tensor>()

/** The tensor of a value that is the same in every run, or undefined. */
export function constantOf(value: Value | undefined): Tensor | undefined {
  if (value === undefined) return undefined
  if (value.producer !== undefined) return isConstantNode(value.producer) ? tensorOfConstantNode(value.producer) : undefined
  return value.isGraphInput ? undefined : value.tensor
}

/** Whether this node is an ONNX Constant. */
export function isConstantNode(node: Node): boolean {
  return node.opType === 'Constant' && sameDomain(node.domain, '')
}

function tensorOfConstantNode(node: Node): Tensor | undefined {
  let tensor = produced.get(node)
  if (tensor !== undefined) return tensor
  const held = [...node.attributes].find(([name]) => name.startsWith('value'))?.[1]
  switch (held?.kind) {
    case 'tensor': tensor = held.value; break
    case 'float': tensor = Tensor.scalar(held.value, 'float32'); break
    case 'int': tensor = Tensor.scalar(held.value, 'int64'); break
    case 'string': tensor = Tensor.scalar(held.value, 'string'); break
    case 'floats': tensor = Tensor.from([...held.value], [held.value.length], 'float32'); break
    case 'ints': tensor = Tensor.from([...held.value], [held.value.length], 'int64'); break
    case 'strings': tensor = Tensor.from([...held.value], [held.value.length], 'string'); break
    default: return undefined
  }
  produced.set(node, tensor)
  return tensor
}

/** In words: what a value is when it is not a constant. */
export function originOf(value: Value): string {
  if (value.isGraphInput) {
    return value.tensor === undefined ? `"${value.name}" is an input of the graph`
      : `"${value.name}" is an initializer that is also an input of the graph, so a caller may replace it`
  }
  if (value.producer !== undefined) return `"${value.name}" is computed by ${value.producer.label}`
  return value.sparseTensor === undefined ? `"${value.name}" has no origin` : `"${value.name}" is sparse`
}

/** Whether elements are floating point numbers. */
export function isFloat(dtype: DType | undefined): boolean {
  return dtype !== undefined && DTYPES[dtype].kind === 'float'
}

/** The numbers of a float tensor, as an array that may be a view: do not write into it. */
export function floats(tensor: Tensor): ArrayLike<number> {
  return tensor.toArray() as ArrayLike<number>
}

/** A float tensor of the given type, or undefined when a finite number does not fit into that type. */
export function floatTensor(values: Float64Array, shape: readonly number[], dtype: DType): Tensor | undefined {
  const tensor = Tensor.from(values, shape, dtype)
  const stored = floats(tensor)
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]) && !Number.isFinite(stored[i])) return undefined
  }
  return tensor
}

/** The one number that all elements of a constant share, or undefined. */
export function uniform(tensor: Tensor | undefined): number | undefined {
  if (tensor === undefined || tensor.size === 0 || tensor.dtype === 'string' || DTYPES[tensor.dtype].kind === 'complex') return undefined
  const data = tensor.toArray() as ArrayLike<number | bigint>
  const first = data[0]
  for (let i = 1; i < data.length; i++) if (data[i] !== first) return undefined
  return Number(first)
}

/** The integers of a constant value, or undefined. */
export function integers(value: Value | undefined): number[] | undefined {
  const tensor = constantOf(value)
  if (tensor === undefined) return undefined
  const { kind } = DTYPES[tensor.dtype]
  return kind === 'signed' || kind === 'unsigned' ? tensor.numbers() : undefined
}
