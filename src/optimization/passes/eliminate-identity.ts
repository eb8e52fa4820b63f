// Removes operators that return their input.
import type { Node, Value } from '../../onnx'
import { dtypeOfCode } from '../../onnx/codec/codes'
import { constantOf, integers, uniform } from '../constants'
import { whyNotReplaceable, type Pass } from '../pass'
import { any, op, shapeText, type Condition } from '../rewrite'
import { rulePass, type Rule } from '../rules'

/** A rule `op(x, …) → x`, under a condition. */
function toInput(name: string, equation: string, opType: string, condition: Condition<Node>): Rule {
  return {
    name, equation,
    pattern: op(opType, undefined, { as: 'node', where: [condition] }),
    check: (match) => whyNotInput(match.root, 0),
    rewrite: (match) => match.root.inputs[0] as Value,
  }
}

/** Why the output of a node cannot be replaced by one of its inputs. */
function whyNotInput(node: Node, index: number): string | undefined {
  const [input, output] = [node.inputs[index], node.outputs[0]]
  if (input === undefined || output === undefined) return `input ${index} of ${node.label} is left out`
  return whyNotReplaceable(output, input)
}

/** `x ∘ c → x` where c is the neutral element of the operator and does not make x larger by broadcasting. */
function neutral(opType: string, element: number, sides: readonly number[]): Rule {
  const symbol = { Add: '+', Sub: '−', Mul: '×', Div: '÷', Pow: '^' }[opType] ?? opType
  const side = (node: Node): number | undefined => sides.find((index) => whyNotNeutral(node, index, element) === undefined)
  return {
    name: `${opType.toLowerCase()}-${element}`, equation: `x ${symbol} ${element} → x`,
    pattern: op(opType, [any('a'), any('b')], {
      commutative: false,
      where: [(node) => {
        if (side(node) !== undefined) return undefined
        const reasons = sides.map((index) => whyNotNeutral(node, index, element))
        return reasons.find((reason) => reason?.includes('broadcast')) ?? reasons.at(-1)
      }],
    }),
    check: ({ root }) => whyNotInput(root, 1 - (side(root) ?? 0)),
    rewrite: ({ root }) => root.inputs[1 - (side(root) ?? 0)] as Value,
  }
}

function whyNotNeutral(node: Node, index: number, element: number): string | undefined {
  const [value, other] = [node.inputs[index], node.inputs[1 - index]]
  const tensor = constantOf(value)
  if (tensor === undefined || uniform(tensor) !== element) return `input ${index} of ${node.label} is not the constant ${element}`
  // −0 + 0 is +0, so only −0 is neutral for sums of floats; the sign of zero is not kept by any runtime's own passes either.
  const rank = other?.shape?.length
  if (tensor.shape.every((size) => size === 1) && (tensor.shape.length === 0 || (rank !== undefined && tensor.shape.length <= rank))) return undefined
  const shape = other?.shape
  if (shape === undefined) return `${node.label} may broadcast: the shape of "${other?.name ?? ''}" is unknown`
  const fits = tensor.shape.length <= shape.length
    && tensor.shape.every((size, axis) => size === 1 || size === shape[shape.length - tensor.shape.length + axis])
  return fits ? undefined : `${node.label} broadcasts "${other?.name ?? ''}" ${shapeText(shape)} to a larger shape`
}

const identity: Rule = toInput('identity', 'Identity(x) → x', 'Identity', () => undefined)

const dropout: Rule = toInput('dropout', 'Dropout(x) → x, in inference', 'Dropout', (node, { opset }) => {
  if (opset < 7 && node.int('is_test', 0) === 0) return `${node.label} is in training mode (is_test is 0)`
  const mode = node.inputs[2]
  if (mode === undefined || uniform(constantOf(mode)) === 0) return undefined
  return constantOf(mode) === undefined ? `training_mode of ${node.label} is not constant: it may be training` : `${node.label} is in training mode`
})

const cast: Rule = toInput('cast', 'Cast(x, to: the type of x) → x', 'Cast', (node) => {
  const [from, to] = [node.inputs[0]?.dtype, dtypeOfCode(node.int('to', 0))]
  return from !== undefined && from === to ? undefined : `${node.label} changes ${from ?? 'an unknown type'} to ${to ?? 'an unknown type'}`
})

const transpose: Rule = toInput('transpose', 'Transpose(x, axes in order) → x', 'Transpose', (node) => {
  const rank = node.inputs[0]?.shape?.length
  const order = node.ints('perm')
  if (order === undefined && rank === undefined) return `${node.label} reverses the axes of a tensor of unknown rank`
  const moves = order === undefined ? (rank ?? 0) > 1 : order.some((axis, index) => axis !== index)
  return moves ? `${node.label} reorders the axes: ${order?.join(', ') ?? 'reversed'}` : undefined
})

const reshape: Rule = toInput('reshape', 'Reshape(x, the shape of x) → x', 'Reshape', (node) => {
  const target = integers(node.inputs[1]) ?? node.ints('shape')
  const shape = node.inputs[0]?.shape
  if (target === undefined) return `the target shape of ${node.label} is not constant`
  if (shape === undefined) return `the shape of "${node.inputs[0]?.name ?? ''}" is unknown`
  const copies = node.int('allowzero', 0) === 0
  let free = 0
  const same = target.length === shape.length && target.every((size, axis) => {
    if (size === shape[axis] || (size === 0 && copies)) return true
    return size === -1 && ++free === 1 && shape.every((other, i) => i === axis || other !== 0)
  })
  return same ? undefined : `${node.label} changes ${shapeText(shape)} to ${shapeText(target)}`
})

const expand: Rule = toInput('expand', 'Expand(x, ones, or the shape of x) → x', 'Expand', (node) => {
  const target = integers(node.inputs[1])
  const shape = node.inputs[0]?.shape
  if (target === undefined) return `the target shape of ${node.label} is not constant`
  if (shape === undefined) return `the shape of "${node.inputs[0]?.name ?? ''}" is unknown`
  const same = target.length <= shape.length
    && target.every((size, axis) => size === 1 || size === shape[shape.length - target.length + axis])
  return same ? undefined : `${node.label} expands ${shapeText(shape)} to ${shapeText(target)}`
})

const pad: Rule = toInput('pad', 'Pad(x, zeros) → x', 'Pad', (node) => {
  const amounts = integers(node.inputs[1]) ?? node.ints('pads') ?? node.ints('paddings')
  if (amounts === undefined) return `the amounts of ${node.label} are not constant`
  return amounts.every((amount) => amount === 0) ? undefined : `${node.label} pads by ${amounts.join(', ')}`
})

/** An end beyond any size: exporters write the largest 32- or 64-bit integer for "to the end". */
const TO_THE_END = 2 ** 31 - 1

const slice: Rule = toInput('slice', 'Slice(x, everything) → x', 'Slice', (node, { opset }) => {
  const list = (index: number, name: string): readonly number[] | undefined =>
    opset < 10 ? node.ints(name) : node.inputs[index] === undefined ? undefined : integers(node.inputs[index])
  const given = (index: number): boolean => opset >= 10 && node.inputs[index] !== undefined
  const [starts, ends, axes, steps] = [list(1, 'starts'), list(2, 'ends'), list(3, 'axes'), list(4, 'steps')]
  if (starts === undefined || ends === undefined || (given(3) && axes === undefined) || (given(4) && steps === undefined)) {
    return `the limits of ${node.label} are not constant`
  }
  const shape = node.inputs[0]?.shape
  const whole = starts.every((start, i) => {
    const axis = axes?.[i] ?? i
    const size = shape?.[axis < 0 ? axis + shape.length : axis]
    const end = ends[i] ?? 0
    return start === 0 && (steps?.[i] ?? 1) === 1 && (end >= TO_THE_END || (typeof size === 'number' && end >= size))
  })
  return whole ? undefined : `${node.label} takes a part: from ${starts.join(', ')} to ${ends.join(', ')}`
})

const tile: Rule = toInput('tile', 'Tile(x, ones) → x', 'Tile', (node, { opset }) => {
  const repeats = opset < 6 ? undefined : integers(node.inputs[1])
  return repeats?.every((count) => count === 1) ? undefined : `${node.label} does not repeat once along every axis`
})

const single: Rule = {
  ...toInput('single', 'Concat(x) → x, Sum(x) → x, Max(x) → x, Min(x) → x, Mean(x) → x', 'Concat', () => undefined),
  pattern: op(['Concat', 'Sum', 'Max', 'Min', 'Mean'], undefined, {
    where: [(node) => (node.inputs.length === 1 ? undefined : `${node.label} has ${node.inputs.length} inputs`)],
  }),
}

const twice: Rule = {
  name: 'twice', equation: 'Not(Not(x)) → x, Neg(Neg(x)) → x',
  pattern: op(['Not', 'Neg'], [op(['Not', 'Neg'], [any('x')], { as: 'inner', shared: true })], {
    where: [(node) => {
      const inner = node.inputs[0]?.producer
      return inner?.opType === node.opType ? undefined : `${node.label} does not undo ${inner?.label ?? 'its input'}`
    }],
  }),
  check: (match) => whyNotReplaceable(match.root.output, match.value('x')),
  rewrite: (match) => match.value('x'),
}

/** Operators that return their input unchanged. */
export const eliminateIdentity: Pass = rulePass({
  name: 'eliminate-identity',
  summary: 'Removes operators that return their input unchanged.',
  leavesAlone: [
    'x × 0: it is not 0 where x is infinite or not a number',
    'a neutral constant whose shape makes x larger by broadcasting, or may do so because the shape of x is unknown',
    'an identity between an input and an output of the model, or between two outputs: both names are promised to callers',
    'Dropout whose training mode is on, or is not constant',
    'Identity of an initializer that is returned',
  ],
  rules: [
    identity, dropout, cast, transpose, reshape, expand, pad, slice, tile, single, twice,
    neutral('Add', 0, [0, 1]), neutral('Sub', 0, [1]), neutral('Mul', 1, [0, 1]), neutral('Div', 1, [1]), neutral('Pow', 1, [1]),
  ],
})
