// One Reshape for several operators that only rename axes.
import { Tensor, type Node } from '../../onnx'
import type { Pass } from '../pass'
import { any, op, optional, type Condition } from '../rewrite'
import { rulePass, type Rule } from '../rules'
import { constantTarget } from './fold-shapes'

const VIEWS = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']

const knownTarget: Condition<Node> = (node) => {
  const shape = node.outputs[0]?.shape
  if (shape === undefined) return `the shape that ${node.label} makes is unknown`
  const source = node.inputs[0]?.producer?.inputs[0]
  const target = constantTarget(source?.shape, shape)
  return typeof target === 'string' ? target : undefined
}

/** view₂(view₁(x)) = Reshape(x, the shape of view₂): neither moves an element. */
const chain: Rule = {
  name: 'chain', equation: 'view(view(x)) → Reshape(x), for views Reshape, Flatten, Squeeze, Unsqueeze',
  pattern: op(VIEWS, [
    op(VIEWS, [any('x'), optional(any('inner'))], { as: 'first', shared: true }), optional(any('outer')),
  ], { as: 'second', where: [knownTarget] }),
  rewrite: (match, edit) => {
    const shape = match.root.output.shape ?? []
    const target = constantTarget(match.value('x').shape, shape)
    if (typeof target === 'string') throw new TypeError(target)
    return edit.op('Reshape', [match.value('x'), Tensor.from(target, [target.length], 'int64')], {}, { name: match.root.name, like: match.root.output })
  },
}

/** Chains of views. */
export const mergeReshapes: Pass = rulePass({
  name: 'merge-reshapes',
  summary: 'Makes one Reshape of several operators that only rename axes.',
  leavesAlone: [
    'a last shape of which two or more sizes are known only when the model runs, unless they are sizes of x at the same place',
    'shapes with a size of 0',
    'views with a transpose between them',
  ],
  rules: [chain],
})
