// Replaces the arithmetic of shapes by the sizes that it must give.
import { inferShapes, sameDomain, Tensor, type Dim, type KnownValue, type Node, type Value } from '../../onnx'
import { constantOf, isConstantNode } from '../constants'
import { definePass, graphsOfModel, replaceValue, type Pass, type Reason } from '../pass'
import { Edit } from '../rules'
import { shapeText } from '../rewrite'

/** The sizes that a value always has, when each is a number; or why it stays. */
function foldedSizes(value: Value, known: ReadonlyMap<Value, KnownValue>): Tensor | string {
  if (value.dtype !== 'int64' && value.dtype !== 'int32') return `"${value.name}" does not hold integers`
  if (value.producer === undefined || isConstantNode(value.producer)) return `"${value.name}" is not computed`
  if (value.isGraphOutput) return `"${value.name}" is an output of the graph`
  const elements = known.get(value)
  if (elements === undefined) return `"${value.name}" does not follow from shapes alone`
  const sizes = elements.elements.filter((element) => typeof element === 'number')
  if (sizes.length < elements.elements.length) return `"${value.name}" is ${shapeText(elements.elements)}: not all of it is known`
  return Tensor.from(sizes, elements.shape, value.dtype)
}

/**
 * A constant target for Reshape that gives the same shape: numbers where sizes are known, 0 (copy) where the size is that
 * of the same axis before, and −1 (infer) for at most one other axis.
 */
export function constantTarget(from: readonly Dim[] | undefined, to: readonly Dim[]): number[] | string {
  let inferred = 0
  const target = to.map((size, axis) => {
    if (typeof size === 'number') return size
    if (size !== null && from?.[axis] === size) return 0
    inferred++
    return -1
  })
  if (to.some((size) => size === 0)) return `the shape ${shapeText(to)} has a size of 0`
  return inferred > 1 ? `${inferred} sizes of ${shapeText(to)} are known only when the model runs` : target
}

/** A Reshape whose target is computed, though all but one of its sizes are known. */
function reshapeTarget(node: Node, known: ReadonlyMap<Value, KnownValue>): number[] | string {
  const [x, shape] = node.inputs
  if (node.opType !== 'Reshape' || !sameDomain(node.domain, '') || x === undefined || shape === undefined) return `${node.label} is no Reshape`
  if (constantOf(shape) !== undefined || shape.producer === undefined) return `the target of ${node.label} is not computed`
  if (node.int('allowzero', 0) !== 0) return `${node.label} takes 0 for a size`
  const elements = known.get(shape)?.elements
  if (elements === undefined) return `the target of ${node.label} does not follow from shapes alone`
  if (elements.some((size) => size === 0)) return `the target of ${node.label} holds a 0`
  // A −1 in the target stays one; beside it every other size must be known.
  return elements.includes(-1) ? withInferred(x.shape, elements) : constantTarget(x.shape, elements)
}

function withInferred(from: readonly Dim[] | undefined, elements: readonly Dim[]): number[] | string {
  const target = elements.map((size, axis) => (typeof size === 'number' ? size : size !== null && from?.[axis] === size ? 0 : undefined))
  return target.every((size) => size !== undefined) ? target : `sizes of ${shapeText(elements)} are known only when the model runs`
}

/** Chains such as Shape → Gather → Mul → Concat that end in numbers. */
export const foldShapes: Pass = definePass({
  name: 'fold-shapes',
  summary: 'Replaces computed shapes by constants, as far as shape inference knows them.',
  handles: [
    'Shape → Gather, Slice, arithmetic, Concat …, when every element is known though the shape it starts from is not → constant',
    'Reshape(x, computed) → Reshape(x, constant), when all sizes but one are known or those of x: −1 stands for the one, 0 for those of x',
  ],
  leavesAlone: [
    'sizes that are known only when the model runs',
    'a computed shape that is an output of the model',
    'Reshape to a shape with a size of 0, or with allowzero',
  ],
  apply(work) {
    const { known } = inferShapes(work.model)
    for (const graph of graphsOfModel(work.model)) {
      for (const node of graph.nodes) {
        const edit = new Edit(work.model, node, graph)
        const target = reshapeTarget(node, known)
        if (typeof target !== 'string') {
          const computed = node.inputs[1]
          node.setInput(1, edit.constant(Tensor.from(target, [target.length], 'int64'), `${node.outputs[0]?.name ?? 'reshape'}_shape`))
          work.changed('reshape', node.outputs[0] ?? node.label, `${node.label} to "${computed?.name ?? ''}" → to ${shapeText(target)}`)
        }
        for (const output of node.outputs) {
          if (output.consumers.size === 0) continue
          const sizes = foldedSizes(output, known)
          if (typeof sizes === 'string') continue
          replaceValue(output, edit.constant(sizes, output.name))
          work.changed('sizes', output, `${node.label} → ${shapeText(sizes.numbers())}`)
        }
      }
    }
  },
  why({ model }, node) {
    const { known } = inferShapes(model)
    const reason = (rule: string, found: unknown): Reason => typeof found === 'string' ? { rule, fires: false, why: found } : { rule, fires: true, why: `${node.label} is known` }
    const [output] = node.outputs
    const sizes = reason('sizes', output === undefined ? 'it has no output' : foldedSizes(output, known))
    return node.opType === 'Reshape' ? [reason('reshape', reshapeTarget(node, known)), sizes] : [sizes]
  },
})
