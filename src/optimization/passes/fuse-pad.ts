// Lets convolutions and pools pad by themselves.
import type { Node } from '../../onnx'
import { constantOf, integers, uniform } from '../constants'
import type { Pass } from '../pass'
import { any, op, optional, type Condition, type Match } from '../rewrite'
import { rulePass, type Rule } from '../rules'

interface Padding {
  /** For each axis, before and after. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly value: number | undefined
}

/** What a Pad adds, when that is constant. */
function paddingOf(pad: Node, rank: number): Padding | string {
  const amounts = integers(pad.inputs[1]) ?? pad.ints('pads')
  if (amounts === undefined) return `the amounts of ${pad.label} are not constant`
  if (pad.string('mode', 'constant') !== 'constant') return `${pad.label} pads by the mode ${pad.string('mode', '')}`
  const axes = pad.inputs[3] === undefined ? Array.from({ length: rank }, (_, axis) => axis) : integers(pad.inputs[3])
  if (axes === undefined) return `the axes of ${pad.label} are not constant`
  if (amounts.length !== 2 * axes.length) return `${pad.label} has ${amounts.length} amounts for ${axes.length} axes`
  const before = new Array<number>(rank).fill(0)
  const after = new Array<number>(rank).fill(0)
  axes.forEach((axis, i) => {
    before[axis < 0 ? axis + rank : axis] = amounts[i] ?? 0
    after[axis < 0 ? axis + rank : axis] = amounts[i + axes.length] ?? 0
  })
  if ([...before, ...after].some((amount) => amount < 0)) return `${pad.label} cuts off: an amount is negative`
  if ((before[0] ?? 0) + (before[1] ?? 0) + (after[0] ?? 0) + (after[1] ?? 0) > 0) return `${pad.label} pads the batch or the channels`
  const value = pad.inputs[2] === undefined ? pad.float('value', 0) : uniform(constantOf(pad.inputs[2]))
  return { before: before.slice(2), after: after.slice(2), value }
}

/** The reason why a node's own padding cannot take more. */
const explicit: Condition<Node> = (node) => {
  const mode = node.string('auto_pad', 'NOTSET')
  return mode === 'NOTSET' || mode === 'VALID' || mode === '' ? undefined : `${node.label} pads by itself (auto_pad is ${mode})`
}

function rankOf(node: Node): number | undefined {
  return node.opType === 'Conv' ? node.inputs[1]?.shape?.length : node.inputs[0]?.shape?.length ?? (node.ints('kernel_shape')?.length ?? -1) + 2
}

const isNotNegative = (node: Node | undefined): boolean =>
  node !== undefined && (['Relu', 'Sigmoid', 'Softmax', 'Abs', 'HardSigmoid', 'Softplus', 'Exp'].includes(node.opType)
    || (node.opType === 'Clip' && (node.inputs[1] === undefined ? node.float('min', -1) : uniform(constantOf(node.inputs[1])) ?? -1) >= 0)
    || (['MaxPool', 'Identity', 'Concat'].includes(node.opType) && node.inputs.every((input) => isNotNegative(input?.producer))))

/** Padding that the operator's own means the same as. */
function whyNotSame(node: Node, padding: Padding, x: Node | undefined): string | undefined {
  const { value } = padding
  if (value === undefined) return 'the value that is padded with is not constant'
  const own = node.ints('pads', [])
  if (node.opType === 'Conv') return value === 0 ? undefined : `a convolution pads with 0, not with ${value}`
  if (node.int('ceil_mode', 0) !== 0) return `${node.label} rounds its output size up, which depends on whose padding it is`
  const kernel = node.ints('kernel_shape', [])
  const wide = kernel.some((size, axis) => (padding.before[axis] ?? 0) + (own[axis] ?? 0) >= size || (padding.after[axis] ?? 0) + (own[axis + kernel.length] ?? 0) >= size)
  if (wide) return `the padding of ${node.label} would be as wide as its window`
  if (node.opType === 'AveragePool') {
    if (value !== 0) return `an average pool pads with 0, not with ${value}`
    const counted = node.int('count_include_pad', 0) === 1 || own.every((amount) => amount === 0)
    return counted ? undefined : `${node.label} leaves its own padding out of the average`
  }
  if (node.ints('dilations', []).some((step) => step !== 1)) return `${node.label} has dilations, so a window may lie in the padding alone`
  if (value === -Infinity) return undefined
  return value === 0 && isNotNegative(x) ? undefined : `a maximum pool pads with −∞, and what is padded with ${value} may be less than that`
}

function fuse(match: Match): Padding | string {
  const { root } = match
  const rank = rankOf(root)
  if (rank === undefined || rank < 3) return `the rank of what ${root.label} reads is unknown`
  const padding = paddingOf(match.node('pad'), rank)
  if (typeof padding === 'string') return padding
  return whyNotSame(root, padding, match.value('x').producer) ?? padding
}

/** op(pad(x, p, v)) = op(x) padded by p, where the operator's own padding means v. */
function rule(opType: 'Conv' | 'AveragePool' | 'MaxPool', equation: string): Rule {
  const pad = op('Pad', [any('x'), optional(any('amounts')), optional(any('value')), optional(any('axes'))], { as: 'pad' })
  return {
    name: `pad-${opType.toLowerCase()}`, equation,
    pattern: op(opType, opType === 'Conv' ? [pad, any('w'), optional(any('b'))] : [pad], { as: 'node', where: [explicit] }),
    check: (match) => {
      if (opType === 'AveragePool' && match.opset < 7) return 'before operator set 7 an average pool cannot count its padding'
      const padding = fuse(match)
      return typeof padding === 'string' ? padding : undefined
    },
    rewrite: (match, edit) => {
      const padding = fuse(match)
      if (typeof padding === 'string') throw new TypeError(padding)
      const { root } = match
      const spatial = padding.before.length
      const own = root.ints('pads', new Array<number>(2 * spatial).fill(0))
      const pads = [...padding.before, ...padding.after].map((amount, i) => amount + (own[i] ?? 0))
      return edit.copy(root, [match.value('x'), ...root.inputs.slice(1)], {
        pads, ...(root.attributes.has('auto_pad') ? { auto_pad: 'NOTSET' } : {}), ...(opType === 'AveragePool' ? { count_include_pad: 1 } : {}),
      })
    },
  }
}

/** Pad before Conv, AveragePool and MaxPool. */
export const fusePad: Pass = rulePass({
  name: 'fuse-pad',
  summary: 'Lets convolutions and pools pad by themselves.',
  leavesAlone: [
    'amounts that are not constant, negative amounts, and padding of the batch or the channels',
    'modes other than constant: reflect, edge, wrap',
    'a convolution or average pool of a tensor padded with another value than 0',
    'an average pool that leaves its own padding out of the average, or rounds its size up',
    'a maximum pool of a tensor padded with 0 that may be negative',
    'a pool of a tensor padded as widely as its window',
    'auto_pad SAME: the amounts depend on the size',
  ],
  rules: [
    rule('Conv', 'Conv(Pad(x, p, 0), W) → Conv(x, W, pads: pads + p)'),
    rule('AveragePool', 'AveragePool(Pad(x, p, 0)) → AveragePool(x, pads: pads + p, count_include_pad: 1)'),
    rule('MaxPool', 'MaxPool(Pad(x, p, −∞)) → MaxPool(x, pads: pads + p); for x ≥ 0 also with 0'),
  ],
})
