// Recognises layer and root-mean-square normalization that exporters wrote out.
import { attribute, schemaOf, Tensor, tensorType, type Node, type Value } from '../../onnx'
import { constantOf, integers, isFloat, uniform } from '../constants'
import type { Pass } from '../pass'
import { any, constant, either, op, optional, shapeText, type Condition, type Match, type Pattern } from '../rewrite'
import { rulePass, type Edit, type Rule } from '../rules'

/** A constant whose elements all are this number. */
const number = (wanted: number): Condition<Tensor> => (tensor) =>
  uniform(tensor) === wanted ? undefined : `it is not ${wanted}`

/** The one axis that a node reduces, counted from the back: -1 is the last. */
function axisOf(node: Node | undefined): number | undefined {
  const [axis, ...others] = node?.ints('axes') ?? (node?.inputs[1] === undefined ? [] : integers(node.inputs[1]) ?? [])
  const rank = node?.inputs[0]?.shape?.length
  if (axis === undefined || others.length > 0) return undefined
  return axis < 0 ? axis : rank === undefined ? undefined : axis - rank
}

/** The mean over one axis, kept as an axis of size 1. */
const overOne: Condition<Node> = (node, { opset }) => {
  if (node.int('keepdims', 1) !== 1) return `${node.label} does not keep the axis it averages over`
  const axes = node.ints('axes') ?? (node.inputs[1] === undefined ? undefined : integers(node.inputs[1]))
  if (axes === undefined) return `the axes of ${node.label} are not known`
  if (node.inputs[1] !== undefined && node.opType === 'ReduceMean' && opset < 18) return `${node.label} has axes as an input before operator set 18`
  return axisOf(node) !== undefined ? undefined : `${node.label} averages over axes ${axes.join(', ')}, not over one that is known`
}

const mean = (x: Pattern, as: string, shared = false): Pattern => {
  const over = (opType: string): Pattern => op(opType, [x, optional(any(`axes of ${as}`))], { as, shared, where: [overOne] })
  return either(over('ReduceMean'), op('Mul', [over('ReduceSum'), constant(`share of ${as}`)], { shared }))
}
const root = (x: Pattern): Pattern => either(op('Sqrt', [x]), op('Pow', [x, constant('half', number(0.5))]))
const epsilon: Pattern = constant('epsilon', (tensor) => (uniform(tensor) === undefined ? 'it is not one number' : undefined))

/** Every mean of a pattern, by the name of its node. */
const MEANS = ['mean numerator', 'mean deviation', 'mean deviation again', 'mean', 'variance', 'mean square'] as const

/** The axis that is normalized, counted from the back; the check of a rule has seen that there is one. */
const axis = (match: Match): number => MEANS.map((name) => axisOf(match.findNode(name))).find((one) => one !== undefined) ?? -1

/** All means are over one axis of known size, and sums over it are multiplied by its inverse. */
function whyNotOneAxis(match: Match): string | undefined {
  const shape = match.value('x').shape
  const over = axis(match), size = shape?.at(over)
  const which = over === -1 ? 'last axis' : `axis ${over}`
  if (typeof size !== 'number') return `the size of the ${which} of "${match.value('x').name}" ${shapeText(shape)} is unknown`
  for (const name of MEANS) {
    const node = match.findNode(name)
    if (node !== undefined && axisOf(node) !== over) return `${node.label} averages over another axis than axis ${over}`
    const share = match.findTensor(`share of ${name}`)
    if (share !== undefined && !(Math.abs((uniform(share) ?? 0) * size - 1) < 1e-6)) return `a sum over the ${which} (${size}) is not multiplied by its inverse`
  }
  return undefined
}

/** A vector along the normalized axis of x: the only form in which LayerNormalization and RMSNormalization scale and shift. */
function whyNoVector(match: Match, name: string): string | undefined {
  const value = match.find(name)
  if (value === undefined) return undefined
  const over = axis(match), size = match.value('x').shape?.at(over)
  const which = over === -1 ? 'the last axis' : `axis ${over}`
  const { shape } = value
  const text = `"${value.name}" ${shapeText(shape)}`
  if (shape === undefined || shape.length < -over || shape.some((other, at) => other !== 1 && at !== shape.length + over)) return `${text} is no vector along ${which}`
  if (shape.length > ((match.findNode('reshaped')?.output ?? match.value('x')).shape?.length ?? 0)) return `${text} gives the result more axes than x has`
  if (shape.at(over) !== size) return `${text} is not as long as ${which} of x (${size ?? '?'})`
  return constantOf(value) === undefined && shape.length !== 1 ? `"${value.name}" is computed and has more than one axis` : undefined
}

const x = any('x', (value) => (isFloat(value.dtype) ? undefined : `"${value.name}" is not of floats`))

/** The operator must exist in the operator set of the model. */
function exists(opType: string, opset: number, since: number): string | undefined {
  return schemaOf(opType, opset) === undefined ? `operator set ${opset} has no ${opType}: simplify(model, { opset: ${since} }) raises the model first` : undefined
}

function vector(match: Match, name: string): Value | Tensor {
  const value = match.value(name)
  const tensor = constantOf(value)
  return tensor === undefined ? value : tensor.reshape([tensor.size])
}

const epsilonOf = (match: Match): number => Math.fround(uniform(match.tensor('epsilon')) ?? 0)

/** The operator normalizes the last axes: another one goes there and back. */
function normalized(match: Match, edit: Edit, opType: string, vectors: readonly (Value | Tensor | undefined)[], name: string): Value {
  const x = match.value('x'), { shape = [] } = x
  const attributes = { axis: -1, epsilon: epsilonOf(match) }
  const at = shape.length + axis(match)
  if (at === shape.length - 1) return edit.op(opType, [x, ...vectors], attributes, { name, like: x })
  const order = [...shape.keys()].filter((one) => one !== at).concat(at)
  const turned = edit.op('Transpose', [x], { perm: order })
  turned.type = tensorType(x.dtype ?? 'float32', order.map((one) => shape[one] ?? null))
  return edit.op('Transpose', [edit.op(opType, [turned, ...vectors], attributes, { name, like: turned })], { perm: [...shape.keys()].map((one) => order.indexOf(one)) }, { like: x })
}

const whyNot = (match: Match, opType: string, since: number): string | undefined =>
  exists(opType, match.opset, since) ?? whyNotOneAxis(match) ?? whyNoVector(match, 'scale') ?? whyNoVector(match, 'shift')

/** x − mean(x), once or computed twice, as exporters of different ages write it. */
const centred = (as: string, shared: boolean): Pattern => op('Sub', [x, mean(x, `mean ${as}`, true)], { as, shared })

const variance: Pattern = mean(either(
  op('Pow', [centred('deviation', true), constant('two', number(2))]),
  op('Mul', [centred('deviation', true), centred('deviation again', true)], { commutative: false }),
), 'variance')

const spread: Pattern = root(op('Add', [variance, epsilon]))

/** (x − E x) / √(E (x − E x)² + ε), before scale and shift. */
const written: Pattern = either(
  op('Div', [centred('numerator', true), spread]),
  op('Mul', [centred('numerator', true), op('Reciprocal', [spread])]),
)

function layerNorm(shift: boolean, scale: boolean): Rule {
  const scaled: Pattern = scale ? op('Mul', [written, any('scale')]) : written
  const pattern = shift ? op('Add', [scaled, any('shift')]) : scaled
  return {
    name: `layer-normalization${scale ? '-scale' : ''}${shift ? '-shift' : ''}`,
    equation: `(x − E x) ÷ √(E (x − E x)² + ε)${scale ? ' × γ' : ''}${shift ? ' + β' : ''} → LayerNormalization(x${scale ? ', γ' : ', 1'}${shift ? ', β' : ''}), over one axis, between transposes where it is not the last`,
    pattern: asOp(pattern),
    check: (match) => whyNot(match, 'LayerNormalization', 17),
    rewrite: (match, edit) => normalized(match, edit, 'LayerNormalization', [scale ? vector(match, 'scale') : ones(match), shift ? vector(match, 'shift') : undefined], match.root.name),
  }
}

/** x with axes of size 1 put in front, as the kernel for batch normalization takes it. */
const unsqueezed: Pattern = either(x, op('Reshape', [x, any('sizes')], { as: 'reshaped', shared: true }))
/** A vector, or the vector repeated along the batch. */
const repeated = (name: string): Pattern => either(op('Expand', [any(name), any(`sizes of ${name}`)], { shared: true }), any(name))
const factor: Pattern = op('Mul', [repeated('scale'), op('Reciprocal', [spread], { shared: true })], { shared: true })

const mu: Pattern = mean(x, 'mean', true)
/** β − E x × factor; Keras negates the mean instead, and leaves out a β that is not there. */
const offset: Pattern = either(
  op('Sub', [repeated('shift'), op('Mul', [mu, factor])]), op('Add', [op('Mul', [op('Neg', [mu]), factor]), repeated('shift')]), op('Mul', [op('Neg', [mu]), factor]),
)

/** TensorFlow.js computes layer normalization with its kernel for batch normalization, which our exports show; Keras alike. */
const folded: Rule = {
  name: 'layer-normalization-folded',
  equation: 'x × (γ ÷ √(E (x − E x)² + ε)) + (β − E x × (γ ÷ √(E (x − E x)² + ε))) → LayerNormalization(x, γ, β), over one axis',
  pattern: op('Add', [op('Mul', [unsqueezed, factor]), offset]),
  check: (match) => whyNot(match, 'LayerNormalization', 17) ?? whyNotInFront(match),
  rewrite: (match, edit) => {
    const shift = match.find('shift') === undefined ? undefined : vector(match, 'shift')
    const y = normalized(match, edit, 'LayerNormalization', [vector(match, 'scale'), shift], match.root.name)
    const reshaped = match.findNode('reshaped')
    return reshaped === undefined ? y : edit.copy(reshaped, [y, match.value('sizes')])
  },
}

function whyNotInFront(match: Match): string | undefined {
  const [before, after] = [match.value('x').shape, match.findNode('reshaped')?.output.shape]
  if (match.findNode('reshaped') === undefined) return undefined
  const added = (after?.length ?? 0) - (before?.length ?? 0)
  const same = before?.every((size, axis) => size !== null && size === after?.[axis + added]) === true
  return same && after?.slice(0, added).every((size) => size === 1) === true ? undefined : `x ${shapeText(before)} is reshaped to ${shapeText(after)}`
}

/** Rules are rooted at one operator: an alternative at the root becomes its first form. */
function asOp(pattern: Pattern): Rule['pattern'] {
  if (pattern.kind === 'op') return pattern
  if (pattern.kind === 'either' && pattern.patterns[0] !== undefined) return asOp(pattern.patterns[0])
  throw new TypeError('a rule must end in an operator')
}

function ones(match: Match): Tensor {
  const { shape, dtype } = match.value('x')
  const size = shape?.at(axis(match))
  const count = typeof size === 'number' ? size : 0
  return Tensor.from(new Array<number>(count).fill(1), [count], dtype)
}

const square: Pattern = either(op('Pow', [x, constant('two', number(2))]), op('Mul', [x, x], { commutative: false }))
const rootMeanSquare: Pattern = root(op('Add', [mean(square, 'mean square'), epsilon]))
const divided: Pattern = either(
  op('Div', [x, rootMeanSquare]), op('Mul', [x, op('Reciprocal', [rootMeanSquare])]),
  op('Mul', [x, op('Div', [constant('one', number(1)), rootMeanSquare])]),
)

/** x / √(E x² + ε) × γ (Zhang and Sennrich, 2019). */
const rms: Rule = {
  name: 'rms-normalization', equation: 'x ÷ √(E x² + ε) × γ → RMSNormalization(x, γ), over one axis (operator set 23)',
  pattern: op('Mul', [divided, any('scale')]),
  check: (match) => whyNot(match, 'RMSNormalization', 23),
  rewrite: (match, edit) => normalized(match, edit, 'RMSNormalization', [vector(match, 'scale')], match.root.name),
}

/** LayerNormalization(x + r): one operator of ONNX Runtime that also gives the sum. */
const skip: Rule = {
  name: 'skip-layer-normalization',
  equation: 'LayerNormalization(x + r, γ, β) → com.microsoft.SkipLayerNormalization(x, r, γ, β), also where the sum is used further on (target onnxruntime)',
  pattern: op('LayerNormalization', [op('Add', [any('x'), any('r')], { as: 'sum', shared: true, commutative: false }), any('scale'), optional(any('shift'))], { as: 'norm' }),
  check: (match) => {
    if (match.context.target !== 'onnxruntime') return 'it needs an operator of com.microsoft, and the target is onnx'
    const [a, b] = [match.value('x').shape, match.value('r').shape]
    const sum = match.node('sum').output
    if (a === undefined || a.length !== 3 || b === undefined || a.join() !== b.join()) return `x ${shapeText(a)} and r ${shapeText(b)} are not two tensors of three axes and equal shapes`
    if (!isFloat(sum.dtype) || a.includes(null)) return 'a size of x is unknown'
    const rank = a.length
    const axis = match.node('norm').int('axis', -1)
    if (axis !== -1 && axis !== rank - 1) return `${match.root.label} normalizes over more than the last axis`
    if (match.find('scale')?.shape?.length !== 1) return 'γ is no vector'
    const open = ['scale', 'shift'].find((name) => match.find(name)?.producer !== undefined)
    if (open !== undefined) return `"${match.value(open).name}" is computed: it may come too late for the sum`
    const inner = [...sum.consumers].find((node) => node.graph !== match.root.graph)
    return inner === undefined ? undefined : `"${sum.name}" is also used by ${inner.label} in another graph`
  },
  rewrite: (match, edit) => {
    const sum = match.node('sum').output
    const used = sum.consumers.size > 1 || sum.isGraphOutput
    const first = match.root.graph?.nodes.find((node) => sum.consumers.has(node))
    if (first !== undefined) edit.placeBefore(first)
    const made = edit.op('SkipLayerNormalization', [match.value('x'), match.value('r'), match.value('scale'), match.find('shift')], {
      epsilon: attribute('float', match.node('norm').float('epsilon', 1e-5)),
    }, { domain: 'com.microsoft', name: match.root.name, outputs: used ? [match.root.output.name, '', '', sum.name] : [match.root.output.name], like: match.root.output })
    const again = made.producer?.outputs[3]
    if (again !== undefined) edit.alsoReplace(sum, again)
    return made
  },
}

/** LayerNormalization, RMSNormalization and their form with a residual. */
export const fuseNormalization: Pass = rulePass({
  name: 'fuse-normalization',
  summary: 'Recognises layer and root-mean-square normalization in the operators that exporters write for them.',
  leavesAlone: [
    'operator sets before 17 (LayerNormalization) and 23 (RMSNormalization): the operators do not exist there; `simplify(model, { opset: 17 })` raises the model first',
    'normalization over several axes, and scales that vary along other axes',
    'an axis whose size is unknown',
    'the sum with a residual, unless the target is onnxruntime: no standard operator does both',
    'an ε that is not one constant number',
    'parts of the computation that something else uses, except x − E x',
  ],
  rules: [layerNorm(true, true), layerNorm(false, true), layerNorm(false, false), folded, rms, skip],
})
