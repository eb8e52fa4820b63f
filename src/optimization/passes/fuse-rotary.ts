// Recognises rotary position embeddings (Su et al., RoFormer, arXiv 2104.09864) in the form of GPT-NeoX and LLaMA.
import { Tensor, type Node, type Value } from '../../onnx'
import { constantOf, floats, integers, isFloat } from '../constants'
import type { Pass } from '../pass'
import { any, op, shapeText, type Condition, type Pattern } from '../rewrite'
import { rulePass, type Rule } from '../rules'

/** [from, to) of a slice with step 1 along the last axis; `to` is the size when it lies beyond. */
function lastAxisRange(node: Node): readonly [from: number, to: number] | undefined {
  const [x, starts, ends, axes, steps] = node.inputs
  const size = x?.shape?.at(-1)
  const read = (value: Value | undefined): number | undefined => {
    const list = value === undefined ? undefined : integers(value)
    return list?.length === 1 ? list[0] : undefined
  }
  const [start, end, axis, step] = [read(starts), read(ends), read(axes), steps === undefined ? 1 : read(steps)]
  if (typeof size !== 'number' || start === undefined || end === undefined || step !== 1) return undefined
  if (axis !== -1 && axis !== (x?.shape?.length ?? 0) - 1) return undefined
  const clamp = (at: number): number => Math.min(size, Math.max(0, at < 0 ? at + size : at))
  return [clamp(start), clamp(end)]
}

const half = (second: boolean): Condition<Node> => (node) => {
  const size = node.inputs[0]?.shape?.at(-1)
  const range = lastAxisRange(node)
  if (range === undefined || typeof size !== 'number') return `${node.label} does not take a known part of the last axis`
  const [from, to] = second ? [size / 2, size] : [0, size / 2]
  return range[0] === from && range[1] === to ? undefined : `${node.label} takes ${range[0]} to ${range[1]} of ${size}, not the ${second ? 'second' : 'first'} half`
}

const lastAxis: Condition<Node> = (node) => {
  const axis = node.int('axis', 0)
  return axis === -1 || axis === (node.output.shape?.length ?? 0) - 1 ? undefined : `${node.label} does not join along the last axis`
}

const x: Pattern = any('x', (value) => {
  if (!isFloat(value.dtype)) return `"${value.name}" is not of floats`
  return value.shape?.length === 4 && typeof value.shape[3] === 'number' ? undefined : `"${value.name}" ${shapeText(value.shape)} is not [batch, heads, sequence, a known size]`
})
const part = (second: boolean): Pattern => op('Slice', undefined, { as: second ? 'second' : 'first', where: [half(second)] })
const turned: Pattern = op('Concat', [op('Neg', [part(true)]), part(false)], { where: [lastAxis] })

/** Whether the first half along an axis equals the second in every run, as far as its making shows. */
function repeats(value: Value, axis: number, depth = 0): boolean {
  const tensor = constantOf(value)
  if (tensor !== undefined) return halvesEqual(tensor, axis)
  const node = value.producer
  const [input, other] = node?.inputs ?? []
  if (node === undefined || input === undefined || depth > 20) return false
  const rank = value.shape?.length ?? 0
  switch (node.opType) {
    case 'Cos': case 'Sin': case 'Cast': case 'Identity': case 'Neg': return repeats(input, axis, depth + 1)
    case 'Mul': return [[input, other], [other, input]].some(([a, b]) => a !== undefined && constantOf(b)?.size === 1 && repeats(a, axis, depth + 1))
    case 'Transpose': {
      const perm = node.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
      return repeats(input, perm[axis] ?? -1, depth + 1)
    }
    case 'Unsqueeze': {
      const added = (node.ints('axes') ?? (other === undefined ? undefined : integers(other)))?.map((at) => (at < 0 ? at + rank : at))
      return added !== undefined && !added.includes(axis) && repeats(input, axis - added.filter((at) => at < axis).length, depth + 1)
    }
    case 'Concat': {
      const along = node.int('axis', 0)
      return (along < 0 ? along + rank : along) === axis && node.inputs.length === 2 && input === other
    }
    default: return false
  }
}

function halvesEqual(tensor: Tensor, axis: number): boolean {
  const size = tensor.shape[axis] ?? 1, values = floats(tensor)
  const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1), span = (size / 2) * inner
  if (size % 2 !== 0) return false
  for (let from = 0; from < tensor.size; from += size * inner) {
    for (let i = 0; i < span; i++) if (values[from + i] !== values[from + span + i]) return false
  }
  return true
}

/** Why angles are no table [sequence, half of the last axis of x]. */
function table(value: Value, size: number): string | undefined {
  const shape = value.shape
  if (shape === undefined || shape.length < 2 || shape.at(-1) !== size || shape.slice(0, -2).some((other) => other !== 1)) {
    return `"${value.name}" ${shapeText(shape)} is not one row of ${size} for each position, the same for all batches and heads`
  }
  return repeats(value, shape.length - 1) ? undefined : `nothing shows that the two halves of "${value.name}" are equal`
}

const rotary: Rule = {
  name: 'rotary-embedding',
  equation: 'x × cos + [−x₂, x₁] × sin → com.microsoft.RotaryEmbedding(x, cos, sin), x₁ and x₂ the halves of the last axis (target onnxruntime)',
  pattern: op('Add', [op('Mul', [x, any('cos')]), op('Mul', [turned, any('sin')])]),
  check: (match) => {
    if (match.context.target !== 'onnxruntime') return 'it needs an operator of com.microsoft, and the target is onnx'
    const input = match.value('x')
    const other = ['first', 'second'].find((name) => match.node(name).inputs[0] !== input)
    if (other !== undefined) return `${match.node(other).label} takes a half of something else`
    const size = input.shape?.[3] as number
    return table(match.value('cos'), size) ?? table(match.value('sin'), size)
  },
  rewrite: (match, edit) => {
    const input = match.value('x')
    const width = input.shape?.[3] as number
    const numbers = (...values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')
    const caches = ['cos', 'sin'].map((name) => {
      const angles = match.value(name)
      const left = edit.op('Slice', [angles, numbers(0), numbers(width / 2), numbers(-1)])
      return edit.op('Reshape', [left, numbers(-1, width / 2)])
    })
    // One position id says where the first row of the tables belongs: at the first position.
    return edit.op('RotaryEmbedding', [input, numbers(0), ...caches], {}, { domain: 'com.microsoft', name: match.root.name, like: match.root.output })
  },
}

/** Rotary position embeddings. */
export const fuseRotary: Pass = rulePass({
  name: 'fuse-rotary-embedding',
  summary: 'Recognises rotary position embeddings.',
  leavesAlone: [
    'the target onnx: the standard operator (operator set 23) wants a table for each batch',
    'tables that differ between batches or heads, and tables whose halves are not known to be equal',
    'embeddings of a part of the last axis, and the form that turns neighbouring pairs',
    'inputs that are not [batch, heads, sequence, size] with a known size',
  ],
  rules: [rotary],
})
