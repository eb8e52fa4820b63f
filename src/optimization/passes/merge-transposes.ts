// Brings transposes together, so that they cancel.
import { DTYPES } from '../../core'
import { Tensor, type Node, type Value } from '../../onnx'
import { constantOf } from '../constants'
import { BINARY, UNARY } from '../elementwise'
import type { Pass } from '../pass'
import { any, op, type Condition } from '../rewrite'
import { rulePass, type Rule } from '../rules'

/** The order of axes of a Transpose: output axis i is input axis order[i]. */
function order(node: Node): readonly number[] | undefined {
  const rank = node.inputs[0]?.shape?.length
  return node.ints('perm') ?? (rank === undefined ? undefined : Array.from({ length: rank }, (_, axis) => rank - 1 - axis))
}

const known: Condition<Node> = (node) => (order(node) === undefined ? `${node.label} reverses the axes of a tensor of unknown rank` : undefined)

const compose = (first: readonly number[], second: readonly number[]): number[] => second.map((axis) => first[axis] ?? 0)
const isInOrder = (axes: readonly number[]): boolean => axes.every((axis, index) => axis === index)

/** transpose_q(transpose_p(x)) = transpose_r(x) with r[i] = p[q[i]]; nothing where r is the order of the axes. */
const merge: Rule = {
  name: 'merge', equation: 'Transpose(Transpose(x, p), q) → Transpose(x, p∘q), or x where that is the identity',
  pattern: op('Transpose', [op('Transpose', [any('x')], { as: 'first', shared: true, where: [known] })], { as: 'second', where: [known] }),
  rewrite: (match, edit) => {
    const axes = compose(order(match.node('first')) ?? [], order(match.node('second')) ?? [])
    return isInOrder(axes) ? match.value('x') : edit.op('Transpose', [match.value('x')], { perm: axes }, { name: match.root.name, like: match.root.output })
  },
}

/** The one input of an elementwise operator that is not constant, or undefined. */
function stream(node: Node): number | undefined {
  if (node.outputs.length !== 1 || node.domain !== '') return undefined
  if (UNARY.has(node.opType)) return 0
  if (!BINARY.has(node.opType) || node.attributes.has('axis')) return undefined
  const open = node.inputs.flatMap((input, index) => (input === undefined || constantOf(input) !== undefined ? [] : [index]))
  if (open.length !== 1 || open[0] === undefined) return undefined
  const rank = node.inputs[open[0]]?.shape?.length
  const fits = node.inputs.every((input) => {
    const tensor = constantOf(input)
    return tensor === undefined || (tensor.shape.length <= (rank ?? -1) && DTYPES[tensor.dtype].bits >= 8)
  })
  return fits && node.outputs[0]?.shape?.length === rank ? open[0] : undefined
}

/** Whether going up from a value through elementwise operators that nothing else reads ends at a Transpose. */
function leadsToTranspose(value: Value | undefined, steps = 0): boolean {
  const node = value?.producer
  if (node === undefined || value === undefined || steps > 50) return false
  if (node.opType === 'Transpose') return order(node) !== undefined
  const index = stream(node)
  return index !== undefined && value.consumers.size === 1 && !value.isGraphOutput && leadsToTranspose(node.inputs[index], steps + 1)
}

/** transpose(f(x, c)) = f(transpose(x), transpose(c)) for elementwise f: only where another transpose lies above. */
const pull: Rule = {
  name: 'pull', equation: 'Transpose(f(Transpose(x))) → f(Transpose(Transpose(x))), for elementwise f, with constants transposed too',
  pattern: op('Transpose', [op([...UNARY, ...BINARY], undefined, {
    as: 'f', where: [
      (node) => (stream(node) === undefined ? `${node.label} does not treat every element of one tensor alike` : undefined),
      (node) => (leadsToTranspose(node.inputs[stream(node) ?? 0]) ? undefined : `no other transpose lies above ${node.label}`),
    ],
  })], { as: 'transpose', where: [known] }),
  rewrite: (match, edit) => {
    const f = match.node('f')
    const axes = order(match.node('transpose')) ?? []
    const inputs = f.inputs.map((input, index) => {
      if (input === undefined) return undefined
      const tensor = constantOf(input)
      if (index === stream(f)) return edit.op('Transpose', [input], { perm: axes })
      return tensor === undefined ? input : transposed(tensor, axes)
    })
    return edit.copy(f, inputs)
  },
}

/** A constant that broadcasts with a tensor of as many axes as `axes` says, after its transpose. */
function transposed(tensor: Tensor, axes: readonly number[]): Tensor {
  if (tensor.size === 1) return tensor
  const full = tensor.reshape([...Array.from({ length: axes.length - tensor.shape.length }, () => 1), ...tensor.shape])
  const strides = full.shape.map((_, axis) => full.shape.slice(axis + 1).reduce((product, size) => product * size, 1))
  const shape = axes.map((axis) => full.shape[axis] ?? 1)
  const width = full.byteLength / full.size
  const from = full.bytes
  const out = new Uint8Array(full.byteLength)
  for (let i = 0; i < full.size; i++) {
    let rest = i
    let place = 0
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1
      place += (rest % size) * (strides[axes[axis] ?? 0] ?? 0)
      rest = Math.floor(rest / size)
    }
    out.set(from.subarray(place * width, (place + 1) * width), i * width)
  }
  return Tensor.ofBytes(full.dtype, shape, out)
}

const same: Condition<Node> = (node) => {
  const [a, b] = node.inputs.map((input) => input?.producer && order(input.producer))
  return a !== undefined && a.join() === b?.join() ? undefined : `${node.label} combines tensors that are transposed in two ways`
}

const transposeOf = (name: string): ReturnType<typeof op> => op('Transpose', [any(name)], { as: `transpose ${name}`, where: [known] })

/** f(transpose(x), transpose(y)) = transpose(f(x, y)) for elementwise f. */
const sink: Rule = {
  name: 'sink', equation: 'f(Transpose(x, p), Transpose(y, p)) → Transpose(f(x, y), p), for elementwise f',
  pattern: op(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'], [transposeOf('x'), transposeOf('y')], { commutative: false, where: [same] }),
  rewrite: (match, edit) => {
    const axes = order(match.node('transpose x')) ?? []
    return edit.op('Transpose', [edit.copy(match.root, [match.value('x'), match.value('y')])], { perm: axes })
  },
}

/** concat(transpose(x), transpose(y), axis) = transpose(concat(x, y, p[axis])). */
const sinkConcat: Rule = {
  name: 'sink-concat', equation: 'Concat(Transpose(x, p), Transpose(y, p), axis) → Transpose(Concat(x, y, p[axis]), p)',
  pattern: op('Concat', [transposeOf('x'), transposeOf('y')], { commutative: false, where: [same] }),
  rewrite: (match, edit) => {
    const axes = order(match.node('transpose x')) ?? []
    const axis = match.root.int('axis', 1)
    const made = edit.copy(match.root, [match.value('x'), match.value('y')], { axis: axes[axis < 0 ? axis + axes.length : axis] ?? 0 })
    return edit.op('Transpose', [made], { perm: axes })
  },
}

export const mergeTransposes: Pass = rulePass({
  name: 'merge-transposes',
  summary: 'Brings transposes together and merges them, so that those around channels-last or channels-first parts cancel.',
  leavesAlone: [
    'a transpose with no other one above it: moving it gains nothing',
    'operators whose axes mean something (Softmax, reductions, convolutions) between two transposes',
    'a value between two transposes that something else reads',
    'operators that broadcast a tensor to more axes',
  ],
  rules: [merge, pull, sink, sinkConcat],
})
