// Recognises scaled dot-product attention that exporters wrote out.
import { attribute, schemaOf, type Dim, type Node, type Tensor, type Value } from '../../onnx'
import { isFloat, uniform } from '../constants'
import type { Pass } from '../pass'
import { any, constant, either, op, optional, shapeText, type Condition, type Match, type Pattern } from '../rewrite'
import { rulePass, type Rule } from '../rules'

const number: Condition<Tensor> = (tensor) => (uniform(tensor) === undefined || tensor.size !== 1 ? 'it is not one number' : undefined)

/** y, y × c or y ÷ c; the factor is read from the constants afterwards. */
const scaled = (y: Pattern, name: string): Pattern => either(
  y, op('Mul', [y, constant(`${name} factor`, number)]), op('Div', [y, constant(`${name} divisor`, number)], { as: `${name} division` }),
)

const lastAxis: Condition<Node> = (node, { opset }) => {
  const axis = node.int('axis', opset >= 13 ? -1 : 1)
  return axis === -1 || axis === (node.inputs[0]?.shape?.length ?? 0) - 1 ? undefined : `${node.label} is over axis ${axis}, not over the last one`
}

const order = (...axes: number[]): Condition<Node> => (node) =>
  (node.ints('perm')?.join() === axes.join() ? undefined : `${node.label} does not bring the axes into the order ${axes.join(', ')}`)

/** softmax(α Q Kᵀ + mask) V, for given patterns of Q, Kᵀ and V. */
function attention(q: Pattern, kT: Pattern, v: Pattern, mask: boolean): Rule['pattern'] {
  const product = scaled(op('MatMul', [scaled(q, 'query'), scaled(kT, 'key')]), 'score')
  const scores = mask ? op('Add', [product, any('mask')]) : product
  return op('MatMul', [op('Softmax', [scores], { where: [lastAxis] }), v])
}

/** α: the product of all factors on the way. */
function scaleOf(match: Match): number {
  return ['query', 'key', 'score'].reduce((scale, name) => {
    const [factor, divisor] = [uniform(match.findTensor(`${name} factor`)), uniform(match.findTensor(`${name} divisor`))]
    return scale * (factor ?? 1) / (divisor ?? 1)
  }, 1)
}

const fourAxes: Condition<Value> = (value) => {
  if (value.shape?.length !== 4) return `"${value.name}" ${shapeText(value.shape)} has not the four axes batch, heads, length, size`
  return isFloat(value.dtype) ? undefined : `"${value.name}" is not of floats`
}

/** softmax(α Q Kᵀ + M) V (Vaswani et al., 2017): Attention of operator set 23, on tensors of batch, heads, length, size. */
function standard(mask: boolean): Rule {
  return {
    name: `attention${mask ? '-mask' : ''}`,
    equation: `Softmax(α Q Kᵀ${mask ? ' + M' : ''}) V → Attention(Q, K, V${mask ? ', M' : ''}, scale: α) (operator set 23)`,
    pattern: attention(any('q', fourAxes), either(
      op('Transpose', [any('k', fourAxes)], { where: [order(0, 1, 3, 2)] }), op('Transpose', [any('split k', fourAxes)], { where: [order(0, 2, 3, 1)] }),
    ), any('v', fourAxes), mask),
    check: (match) => {
      if (schemaOf('Attention', match.opset) === undefined) return `operator set ${match.opset} has no Attention (23 has)`
      return whyNotOneSet(match) ?? (mask ? whyNotMask(match, match.value('q').shape?.[2], keyShape(match)[2]) : undefined)
    },
    rewrite: (match, edit) => edit.op('Attention', [
      match.value('q'), match.find('k') ?? edit.op('Transpose', [match.value('split k')], { perm: [0, 2, 1, 3] }), match.value('v'), match.find('mask'),
    ], {
      scale: scaleOf(match),
    }, { name: match.root.name, like: match.root.output }),
  }
}

/** The shape of K, also where its heads are cut and transposed in one step. */
function keyShape(match: Match): readonly Dim[] {
  const split = match.find('split k')?.shape
  return split === undefined ? match.find('k')?.shape ?? [] : [0, 2, 1, 3].map((axis) => split[axis] ?? null)
}

/** Heads of queries, keys and values are equal in number: otherwise the product would broadcast them. */
function whyNotOneSet(match: Match): string | undefined {
  const shapes = [match.value('q').shape ?? [], keyShape(match), match.value('v').shape ?? []]
  for (const axis of [0, 1]) {
    const sizes = new Set(shapes.map((shape) => shape[axis]))
    if (sizes.size > 1 || sizes.has(null)) return `Q, K and V differ in axis ${axis}: ${shapes.map((shape) => shapeText(shape)).join(', ')}`
  }
  return scaleOf(match) > 0 ? undefined : `the scale is ${scaleOf(match)}`
}

function whyNotMask(match: Match, queries: unknown, keys: unknown): string | undefined {
  const mask = match.value('mask')
  const { shape } = mask
  if (mask.dtype !== match.value(match.find('q') === undefined ? 'query' : 'q').dtype) return `the mask "${mask.name}" is of another type`
  const fits = shape?.length === 4 && (shape[0] === 1 || shape[0] === match.root.output.shape?.[0]) && shape[1] === 1
    && shape[2] === queries && shape[3] === keys && queries !== null && keys !== null && queries !== undefined && keys !== undefined
  return fits ? undefined : `the mask "${mask.name}" ${shapeText(shape)} is not one row of keys for each query`
}

/** [batch, length, heads × size] cut into heads: Transpose(Reshape(x)). */
const heads = (name: string, ...axes: number[]): Pattern =>
  op('Transpose', [op('Reshape', [any(name), any(`shape of ${name}`)], { as: `split ${name}` })], { as: `heads of ${name}`, where: [order(...axes)] })

/** The same with the heads cut and joined again, in the one operator of ONNX Runtime. */
function multiHead(mask: boolean): Rule {
  return {
    name: `multi-head-attention${mask ? '-mask' : ''}`,
    equation: `join(Softmax(α split(q) split(k)ᵀ${mask ? ' + M' : ''}) split(v)) → com.microsoft.MultiHeadAttention(q, k, v) (target onnxruntime)`,
    pattern: op('Reshape', [
      op('Transpose', [attention(heads('query', 0, 2, 1, 3), heads('key', 0, 2, 3, 1), heads('value', 0, 2, 1, 3), mask)], { where: [order(0, 2, 1, 3)] }),
      any('joined'),
    ]),
    check: (match) => {
      if (match.context.target !== 'onnxruntime') return 'it needs an operator of com.microsoft, and the target is onnx'
      const whole = ['query', 'key', 'value'].map((name) => match.value(name))
      const parts = ['query', 'key', 'value'].map((name) => match.node(`split ${name}`).output)
      const count = parts[0]?.shape?.[2]
      for (const [i, value] of whole.entries()) {
        const [shape, split] = [value.shape, parts[i]?.shape]
        if (value.dtype !== 'float32') return `"${value.name}" is not float32`
        if (shape?.length !== 3 || split?.length !== 4) return `"${value.name}" ${shapeText(shape)} has not the three axes batch, length, size`
        if (split[2] !== count || typeof count !== 'number' || typeof split[3] !== 'number') return `the number of heads of "${value.name}" is ${split[2] ?? 'unknown'}`
        if (shape[0] !== split[0] || shape[1] !== split[1] || shape[0] === null || shape[1] === null) return `cutting "${value.name}" into heads changes more than its last axis`
        if (shape[0] !== whole[0]?.shape?.[0]) return 'queries, keys and values have different batches'
      }
      const [q, joined] = [whole[0]?.shape ?? [], match.root.output.shape ?? []]
      const size = parts[2]?.shape?.[3]
      if (joined.length !== 3 || joined[0] !== q[0] || joined[1] !== q[1] || joined[2] !== Number(parts[0]?.shape?.[2]) * Number(size)) return `${match.root.label} does not join the heads`
      if (whole[1]?.shape?.[1] !== whole[2]?.shape?.[1]) return 'keys and values have different lengths'
      if (!(scaleOf(match) > 0)) return `the scale is ${scaleOf(match)}`
      return mask ? whyNotMask(match, q[1], whole[1]?.shape?.[1]) : undefined
    },
    rewrite: (match, edit) => edit.op('MultiHeadAttention', [
      match.value('query'), match.value('key'), match.value('value'), undefined, undefined, match.find('mask'),
    ], { num_heads: Number(match.node('split query').output.shape?.[2]), scale: attribute('float', Math.fround(scaleOf(match))) }, {
      domain: 'com.microsoft', name: match.root.name, like: match.root.output,
    }),
  }
}

/** Keys or values of fewer heads, each repeated for its group of queries: [B, G, S, D] → [B, G, n, S, D] → [B, G n, S, D]. */
const repeated = (name: string): Pattern => op('Reshape', [
  op('Expand', [op('Unsqueeze', [any(name), any(`axes of ${name}`)]), any(`sizes of ${name}`)], { as: `expanded ${name}` }), any(`shape of ${name}`),
], { as: `repeated ${name}` })

/** Why a value is not repeated head by head. */
function whyNotGroups(match: Match, name: string): string | undefined {
  const [few, wide, all] = [match.value(name), match.node(`expanded ${name}`).output, match.node(`repeated ${name}`).output].map(({ shape }) => shape ?? [])
  const [batch, groups, length, size] = few ?? []
  const times = wide?.[2]
  if (typeof groups !== 'number' || typeof times !== 'number' || few?.length !== 4) return `the heads of "${match.value(name).name}" ${shapeText(few)} are not known`
  const same = (a: readonly unknown[] | undefined, b: readonly unknown[]): boolean => a?.length === b.length && b.every((dim, i) => dim !== null && dim === a[i])
  return same(wide, [batch, groups, times, length, size]) && same(all, [batch, groups * times, length, size])
    ? undefined : `"${match.node(`repeated ${name}`).output.name}" ${shapeText(all)} does not repeat each head of "${match.value(name).name}" ${shapeText(few)}`
}

/** Grouped queries (Ainslie et al., arXiv 2305.13245): Attention reads each head of keys and values for its group itself. */
const grouped: Rule = {
  name: 'grouped-attention',
  equation: 'Attention(Q, repeat(K), repeat(V), M) → Attention(Q, K, V, M) (operator set 23)',
  pattern: op('Attention', [any('q', fourAxes), repeated('k'), repeated('v'), optional(any('mask'))], { as: 'attention' }),
  check: (match) => whyNotGroups(match, 'k') ?? whyNotGroups(match, 'v'),
  rewrite: (match, edit) => edit.copy(match.node('attention'), [match.value('q'), match.value('k'), match.value('v'), match.find('mask')]),
}

/** Attention in the form that PyTorch and TensorFlow export. */
export const fuseAttention: Pass = rulePass({
  name: 'fuse-attention',
  summary: 'Recognises scaled dot-product attention in the products and softmax that exporters write for it.',
  leavesAlone: [
    'operator sets before 23, unless the target is onnxruntime',
    'masks by Where, masks with a row for each head, and masks whose size is unknown',
    'fewer heads of keys and values than of queries (grouped queries) before operator set 23',
    'a softmax over another axis than the last, and dropout inside',
    'scores or probabilities that something else uses',
    'types other than float32 for com.microsoft.MultiHeadAttention',
  ],
  rules: [multiHead(true), multiHead(false), standard(true), standard(false), grouped],
})
