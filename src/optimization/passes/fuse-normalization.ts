// Recognises layer and root-mean-square normalization that exporters wrote out.
import { attribute, schemaOf, Tensor, type Node, type Value } from '../../onnx'
import { constantOf, integers, isFloat, uniform } from '../constants'
import type { Pass } from '../pass'
import { any, constant, either, op, optional, shapeText, type Condition, type Match, type Pattern } from '../rewrite'
import { rulePass, type Rule } from '../rules'

/** A constant whose elements all are this number. */
const number = (wanted: number): Condition<Tensor> => (tensor) =>
  uniform(tensor) === wanted ? undefined : `it is not ${wanted}`

/** The mean over the last axis, kept as an axis of size 1. */
const overLast: Condition<Node> = (node, { opset }) => {
  if (node.int('keepdims', 1) !== 1) return `${node.label} does not keep the axis it averages over`
  const rank = node.inputs[0]?.shape?.length
  const axes = node.ints('axes') ?? (node.inputs[1] === undefined ? undefined : integers(node.inputs[1]))
  if (axes === undefined) return `the axes of ${node.label} are not known`
  if (node.inputs[1] !== undefined && node.opType === 'ReduceMean' && opset < 18) return `${node.label} has axes as an input before operator set 18`
  return axes.length === 1 && (axes[0] === -1 || axes[0] === (rank ?? 0) - 1) ? undefined
    : `${node.label} averages over axes ${axes.join(', ')}, not over the last one`
}

/** 1 ÷ the size of the last axis of x. */
const share: Condition<Tensor> = (tensor, match) => {
  const size = match.find('x')?.shape?.at(-1)
  return typeof size === 'number' && Math.abs((uniform(tensor) ?? 0) * size - 1) < 1e-6 ? undefined : `a sum over the last axis (${size ?? '?'}) is not multiplied by its inverse`
}

const mean = (x: Pattern, as: string, shared = false): Pattern => {
  const over = (opType: string): Pattern => op(opType, [x, optional(any(`axes of ${as}`))], { as, shared, where: [overLast] })
  return either(over('ReduceMean'), op('Mul', [over('ReduceSum'), constant(`share of ${as}`, share)], { shared }))
}
const root = (x: Pattern): Pattern => either(op('Sqrt', [x]), op('Pow', [x, constant('half', number(0.5))]))
const epsilon: Pattern = constant('epsilon', (tensor) => (uniform(tensor) === undefined ? 'it is not one number' : undefined))

/** A vector along the last axis of x: the only form in which LayerNormalization and RMSNormalization scale and shift. */
const lastAxis: Condition<Value> = (value, match) => {
  const size = match.find('x')?.shape?.at(-1)
  const shape = value.shape
  if (shape === undefined || shape.length === 0 || shape.slice(0, -1).some((other) => other !== 1)) return `"${value.name}" ${shapeText(shape)} is no vector along the last axis`
  return typeof size === 'number' && shape.at(-1) === size ? undefined : `"${value.name}" ${shapeText(shape)} is not as long as the last axis of x (${size ?? '?'})`
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

const checkVector = (match: Match, name: string): string | undefined => {
  const value = match.find(name)
  if (value === undefined) return undefined
  const why = lastAxis(value, match)
  return why ?? (constantOf(value) === undefined && value.shape?.length !== 1 ? `"${value.name}" is computed and has more than one axis` : undefined)
}

const epsilonOf = (match: Match): number => Math.fround(uniform(match.tensor('epsilon')) ?? 0)

/** x − mean(x), once or computed twice, as exporters of different ages write it. */
const centred = (as: string, shared: boolean): Pattern => op('Sub', [x, mean(x, `mean ${as}`, true)], { as, shared })

const variance: Pattern = mean(either(
  op('Pow', [centred('deviation', true), constant('two', number(2))]),
  op('Mul', [centred('deviation', true), centred('deviation again', true)], { commutative: false }),
), 'variance')

const spread: Pattern = root(op('Add', [variance, epsilon]))

/** (x − E x) / √(E (x − E x)² + ε), before scale and shift. */
const normalized: Pattern = either(
  op('Div', [centred('numerator', true), spread]),
  op('Mul', [centred('numerator', true), op('Reciprocal', [spread])]),
)

function layerNorm(shift: boolean, scale: boolean): Rule {
  const scaled: Pattern = scale ? op('Mul', [normalized, any('scale')]) : normalized
  const pattern = shift ? op('Add', [scaled, any('shift')]) : scaled
  return {
    name: `layer-normalization${scale ? '-scale' : ''}${shift ? '-shift' : ''}`,
    equation: `(x − E x) ÷ √(E (x − E x)² + ε)${scale ? ' × γ' : ''}${shift ? ' + β' : ''} → LayerNormalization(x${scale ? ', γ' : ', 1'}${shift ? ', β' : ''}), over the last axis`,
    pattern: asOp(pattern),
    check: (match) => exists('LayerNormalization', match.opset, 17) ?? checkVector(match, 'scale') ?? checkVector(match, 'shift') ?? lastKnown(match),
    rewrite: (match, edit) => edit.op('LayerNormalization', [
      match.value('x'), scale ? vector(match, 'scale') : ones(match), shift ? vector(match, 'shift') : undefined,
    ], { axis: -1, epsilon: epsilonOf(match) }, { name: match.root.name, like: match.root.output }),
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
  equation: 'x × (γ ÷ √(E (x − E x)² + ε)) + (β − E x × (γ ÷ √(E (x − E x)² + ε))) → LayerNormalization(x, γ, β), over the last axis',
  pattern: op('Add', [op('Mul', [unsqueezed, factor]), offset]),
  check: (match) => exists('LayerNormalization', match.opset, 17) ?? checkVector(match, 'scale') ?? checkVector(match, 'shift') ?? lastKnown(match) ?? whyNotInFront(match),
  rewrite: (match, edit) => {
    const input = match.value('x')
    const shift = match.find('shift') === undefined ? undefined : vector(match, 'shift')
    const y = edit.op('LayerNormalization', [input, vector(match, 'scale'), shift], { axis: -1, epsilon: epsilonOf(match) }, { name: match.root.name, like: input })
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

function lastKnown(match: Match): string | undefined {
  const shape = match.value('x').shape
  return typeof shape?.at(-1) === 'number' ? undefined : `the size of the last axis of "${match.value('x').name}" ${shapeText(shape)} is unknown`
}

function ones(match: Match): Tensor {
  const { shape, dtype } = match.value('x')
  const size = shape?.at(-1)
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
  name: 'rms-normalization', equation: 'x ÷ √(E x² + ε) × γ → RMSNormalization(x, γ), over the last axis (operator set 23)',
  pattern: op('Mul', [divided, any('scale')]),
  check: (match) => exists('RMSNormalization', match.opset, 23) ?? checkVector(match, 'scale') ?? lastKnown(match),
  rewrite: (match, edit) => edit.op('RMSNormalization', [match.value('x'), vector(match, 'scale')], {
    axis: -1, epsilon: epsilonOf(match),
  }, { name: match.root.name, like: match.root.output }),
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
    'normalization over other axes than the last, and scales that vary along other axes',
    'a last axis whose size is unknown',
    'the sum with a residual, unless the target is onnxruntime: no standard operator does both',
    'an ε that is not one constant number',
    'parts of the computation that something else uses, except x − E x',
  ],
  rules: [layerNorm(true, true), layerNorm(false, true), layerNorm(false, false), folded, rms, skip],
})
