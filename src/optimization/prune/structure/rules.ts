// How operators tie the coordinates of their inputs and outputs together: one rule an operator. An operator without a rule
// keeps everything it touches.
import { sameDomain, type Node, type Value } from '../../../onnx'
import { constantOf, integers } from '../../constants'
import type { Atoms } from './atoms'
import { reshapeGroups } from './reshape'

/** What a rule works with. */
export interface RuleContext {
  readonly atoms: Atoms
  /** Version of ONNX's operator set. */
  readonly opset: number
  /** For a reshape that splits an axis or merges several: which factor (counted from the outermost) may shrink. */
  readonly factor: (node: Node, free: readonly number[]) => number | undefined
  /** Notes that this axis of a constant is summed over: zeros there make the removal exact. */
  readonly contracted: (value: Value, axis: number) => void
}

type Rule = (node: Node, context: RuleContext) => void

const rank = (value: Value | undefined): number => value?.shape?.length ?? 0
const within = (axis: number, value: Value | undefined): number => (axis < 0 ? axis + rank(value) : axis)

function parts(node: Node): { x: Value; y: Value; w: Value | undefined; b: Value | undefined } | undefined {
  const [x, w, b] = node.inputs
  const [y] = node.outputs
  return x === undefined || y === undefined ? undefined : { x, y, w, b }
}

/** Every axis to the axis of the same number, but those named are kept whole. */
function along(atoms: Atoms, a: Value, b: Value, kept: readonly number[], reason: string): void {
  for (let axis = 0; axis < rank(a); axis++) {
    if (kept.includes(axis)) {
      atoms.pin(a, axis, reason)
      atoms.pin(b, axis, reason)
    } else atoms.joinAxes(a, axis, b, axis)
  }
}

const spatial = (value: Value): number[] => Array.from({ length: Math.max(0, rank(value) - 2) }, (_, i) => i + 2)

/** The other outputs of a node are of use to nobody here: if somebody reads them, they stay whole. */
const pinOthers = (node: Node, atoms: Atoms, from = 1): void => {
  for (const output of node.outputs.slice(from)) atoms.pinValue(output, `${node.label} has further outputs`)
}

const elementwise: Rule = (node, { atoms }) => {
  const [y] = node.outputs
  if (y === undefined) return
  for (const x of node.inputs) {
    if (x === undefined) continue
    const shift = rank(y) - rank(x)
    for (let axis = 0; axis < rank(x); axis++) {
      if (x.shape?.[axis] === 1 && y.shape?.[axis + shift] !== 1) continue
      atoms.joinAxes(x, axis, y, axis + shift)
    }
  }
  pinOthers(node, atoms)
}

/** The first input decides; the others are parameters of one element. */
const unary: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, [], '')
  for (const other of node.inputs.slice(1)) if (other) atoms.pinValue(other, `a parameter of ${node.label}`)
  pinOthers(node, atoms)
}

const conv: Rule = (node, { atoms, contracted }) => {
  const p = parts(node)
  if (!p?.w) return
  const { x, w, b, y } = p
  const transposed = node.opType === 'ConvTranspose'
  const group = node.int('group', 1)
  const [channels, filters] = [atoms.size(x, 1), atoms.size(y, 1)]
  const reason = `height and width of ${node.label}`
  for (const value of [x, y, w]) for (const axis of spatial(value)) atoms.pin(value, axis, reason)
  atoms.joinAxes(x, 0, y, 0)
  if (channels === undefined || filters === undefined) {
    for (const value of [x, w, y]) atoms.pinValue(value, `the channels of ${node.label} are not known`)
    return
  }
  const [inGroup, outGroup] = [channels / group, filters / group]
  if (group > 1 && inGroup === 1) {
    // Depthwise: a group is a channel, and goes as a whole.
    for (let c = 0; c < channels; c++) {
      for (let k = 0; k < outGroup; k++) {
        atoms.join(x, 1, c, y, 1, c * outGroup + k)
        if (!transposed) atoms.join(w, 0, c * outGroup + k, y, 1, c * outGroup + k)
      }
      if (transposed) atoms.join(w, 0, c, x, 1, c)
    }
    atoms.pin(w, 1, `a depthwise ${node.opType}`)
  } else {
    for (let g = 0; g < group; g++) {
      for (let c = 0; c < inGroup; c++) {
        const at = g * inGroup + c
        if (transposed) {
          atoms.join(w, 0, at, x, 1, at)
          if (g > 0) atoms.join(x, 1, at, x, 1, c)
        } else atoms.join(w, 1, c, x, 1, at)
      }
      for (let m = 0; m < outGroup; m++) {
        const at = g * outGroup + m
        if (transposed) atoms.join(w, 1, m, y, 1, at)
        else {
          atoms.join(w, 0, at, y, 1, at)
          // Groups stay of one size: the same place goes in each.
          if (g > 0) atoms.join(y, 1, at, y, 1, m)
        }
      }
    }
    contracted(w, transposed ? 0 : 1)
  }
  if (b) atoms.joinAxes(b, 0, y, 1)
}

const gemm: Rule = (node, { atoms, contracted }) => {
  const p = parts(node)
  if (!p?.w) return
  const { x, w, b, y } = p
  const [ta, tb] = [node.int('transA', 0), node.int('transB', 0)]
  atoms.joinAxes(x, ta ? 1 : 0, y, 0)
  atoms.joinAxes(w, tb ? 0 : 1, y, 1)
  contract(node, atoms, contracted, x, ta ? 0 : 1, w, tb ? 1 : 0)
  if (b) {
    for (let axis = 0; axis < rank(b); axis++) {
      const to = axis + 2 - rank(b)
      if (b.shape?.[axis] === 1 && y.shape?.[to] !== 1) continue
      atoms.joinAxes(b, axis, y, to)
    }
  }
}

/** Two axes that are summed over together. Exact by zeros only where one of them belongs to weights. */
function contract(node: Node, atoms: Atoms, contracted: RuleContext['contracted'], a: Value, axisA: number, b: Value, axisB: number): void {
  atoms.joinAxes(a, axisA, b, axisB)
  const weight = constantOf(b) !== undefined ? [b, axisB] as const : constantOf(a) !== undefined ? [a, axisA] as const : undefined
  if (weight) contracted(weight[0], weight[1])
  else atoms.pin(a, axisA, `${node.label} sums over the product of two activations`)
}

const matMul: Rule = (node, { atoms, contracted }) => {
  const p = parts(node)
  if (!p?.w) return
  const { x, w, y } = p
  if (rank(x) < 2 || rank(w) < 2) {
    for (const value of [x, w, y]) atoms.pinValue(value, `${node.label} multiplies a vector`)
    return
  }
  contract(node, atoms, contracted, x, rank(x) - 1, w, rank(w) - 2)
  atoms.joinAxes(x, rank(x) - 2, y, rank(y) - 2)
  atoms.joinAxes(w, rank(w) - 1, y, rank(y) - 1)
  for (const value of [x, w]) {
    for (let axis = 0; axis < rank(value) - 2; axis++) {
      const to = axis + rank(y) - rank(value)
      if (value.shape?.[axis] === 1 && y.shape?.[to] !== 1) continue
      atoms.joinAxes(value, axis, y, to)
    }
  }
}

/** Statistics for each channel: channels do not mix. */
const channelNorm: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, spatial(p.x), `height and width of ${node.label}`)
  for (const parameter of node.inputs.slice(1)) if (parameter) atoms.joinAxes(parameter, 0, p.x, 1)
  pinOthers(node, atoms)
}

/** Normalizes over axes: those must stay whole, or the statistics change. */
const normalizes = (axes: (node: Node, x: Value, opset: number) => number[]): Rule => (node, { atoms, opset }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, axes(node, p.x, opset), `${node.label} computes statistics over this axis`)
  for (const parameter of node.inputs.slice(1)) if (parameter) atoms.pinValue(parameter, `a parameter of ${node.label}`)
  pinOthers(node, atoms)
}

const pool: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, spatial(p.x), `height and width of ${node.label}`)
  const indices = node.outputs[1]
  if (indices !== undefined && indices.name !== '') {
    for (const value of [p.x, p.y, indices]) atoms.pinValue(value, `${node.label} also gives indices`)
  }
}

const reduce: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const { x, y } = p
  const given = node.ints('axes') ?? (node.inputs[1] === undefined ? undefined : integers(node.inputs[1]) ?? null)
  const empty = given === undefined || given?.length === 0
  if (given === null || (empty && node.int('noop_with_empty_axes', 0) !== 0)) {
    for (const value of [x, y]) atoms.pinValue(value, `the axes of ${node.label} are not constant`)
    return
  }
  const axes = empty ? Array.from({ length: rank(x) }, (_, i) => i) : given.map((axis) => within(axis, x))
  const keep = node.int('keepdims', 1) !== 0
  let to = 0
  for (let axis = 0; axis < rank(x); axis++) {
    if (axes.includes(axis)) {
      atoms.pin(x, axis, `${node.label} reduces this axis`)
      if (keep) to++
    } else atoms.joinAxes(x, axis, y, to++)
  }
}

const transpose: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const perm = node.ints('perm') ?? Array.from({ length: rank(p.x) }, (_, i) => rank(p.x) - 1 - i)
  perm.forEach((from, to) => { atoms.joinAxes(p.x, from, p.y, to) })
}

const reshape: Rule = (node, { atoms, factor }) => {
  const p = parts(node)
  if (!p) return
  const { x, y } = p
  if (p.w) atoms.pinValue(p.w, `a parameter of ${node.label}`)
  const symbols = (y.shape ?? []).filter((size) => typeof size !== 'number').length
  if (node.opType === 'Reshape' && symbols > 1 && integers(p.w) === undefined) {
    for (const value of [x, y]) atoms.pinValue(value, `the shape of ${node.label} is computed, and more than one size varies`)
    return
  }
  const groups = reshapeGroups(x.shape ?? [], y.shape ?? [])
  for (const [value, side] of [[x, 'before'], [y, 'after']] as const) {
    const covered = groups.flatMap((group) => group[side])
    atoms.pinValue(value, `${node.label} mixes this axis with others`, [
      ...covered, ...(value.shape ?? []).flatMap((size, axis) => (size === 1 ? [axis] : [])),
    ])
    value.shape?.forEach((size, axis) => { if (size === 1) atoms.pin(value, axis, `an axis of size 1 of ${node.label}`) })
  }
  for (const { before, after } of groups) {
    const [i, j] = [before[0], after[0]]
    if (i === undefined || j === undefined) continue
    if (before.length === 1 && after.length === 1) atoms.joinAxes(x, i, y, j)
    else if (before.length > 1 && after.length > 1) {
      for (const axis of before) atoms.pin(x, axis, `${node.label} regroups several axes`)
      for (const axis of after) atoms.pin(y, axis, `${node.label} regroups several axes`)
    } else if (before.length === 1) factors(node, { atoms, factor }, x, i, y, after)
    else factors(node, { atoms, factor }, y, j, x, before)
  }
}

/** A whole axis on one side, its factors on the other: one factor may shrink, the others stay. */
function factors(node: Node, { atoms, factor }: Pick<RuleContext, 'atoms' | 'factor'>, whole: Value, axis: number, split: Value, axes: readonly number[]): void {
  const free = axes.flatMap((a, k) => (atoms.pinned(split, a) === undefined ? [k] : []))
  const chosen = factor(node, free)
  const sizes = axes.map((a) => atoms.size(split, a) ?? 1)
  axes.forEach((a, k) => {
    if (k !== chosen) atoms.pin(split, a, `${node.label} ties this axis to a larger one, of which another part may shrink`)
  })
  const place = chosen === undefined ? undefined : axes[chosen]
  if (chosen === undefined || place === undefined) {
    atoms.pin(whole, axis, `${node.label} makes it of axes that must stay`)
    return
  }
  const inner = sizes.slice(chosen + 1).reduce((a, b) => a * b, 1)
  const total = sizes.reduce((a, b) => a * b, 1)
  for (let i = 0; i < total; i++) atoms.join(whole, axis, i, split, place, Math.floor(i / inner) % (sizes[chosen] ?? 1))
}

const concat: Rule = (node, { atoms }) => {
  const [y] = node.outputs
  if (y === undefined) return
  const axis = within(node.int('axis', 1), y)
  let offset: number | undefined = 0
  for (const x of node.inputs) {
    if (x === undefined) continue
    for (let a = 0; a < rank(y); a++) if (a !== axis) atoms.joinAxes(x, a, y, a)
    const size = atoms.size(x, axis)
    if (offset === undefined || size === undefined) {
      offset = undefined
      continue
    }
    for (let i = 0; i < size; i++) atoms.join(x, axis, i, y, axis, offset + i)
    offset += size
  }
  if (offset !== undefined) return
  for (const value of [y, ...node.inputs]) if (value) atoms.pin(value, axis, `${node.label} joins axes whose sizes are not known`)
}

const split: Rule = (node, { atoms }) => {
  const [x] = node.inputs
  if (x === undefined) return
  const axis = within(node.int('axis', 0), x)
  let offset = 0
  for (const y of node.outputs) {
    for (let a = 0; a < rank(x); a++) if (a !== axis) atoms.joinAxes(x, a, y, a)
    const size = atoms.size(y, axis)
    if (size === undefined) {
      atoms.pin(x, axis, `${node.label} splits an axis whose sizes are not known`)
      continue
    }
    for (let i = 0; i < size; i++) atoms.join(x, axis, offset + i, y, axis, i)
    offset += size
  }
}

const slice: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const axes = node.ints('axes') ?? (node.inputs[3] === undefined ? undefined : integers(node.inputs[3]) ?? null)
  const cut = axes === null ? undefined : axes?.map((axis) => within(axis, p.x)) ?? Array.from({ length: rank(p.x) }, (_, i) => i)
  if (cut === undefined) for (const value of [p.x, p.y]) atoms.pinValue(value, `the axes of ${node.label} are not constant`)
  else along(atoms, p.x, p.y, cut, `${node.label} cuts this axis`)
}

const pad: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const kept = Array.from({ length: rank(p.x) }, (_, axis) => axis).filter((axis) => p.x.shape?.[axis] !== p.y.shape?.[axis])
  const pads = node.ints('pads') ?? integers(node.inputs[1])
  if (pads === undefined || node.inputs[3] !== undefined) atoms.pinValue(p.x, `the padding of ${node.label} is not constant`)
  else along(atoms, p.x, p.y, [...kept, ...pads.flatMap((size, i) => (size === 0 ? [] : [i % rank(p.x)]))], `${node.label} pads this axis`)
  if (pads === undefined || node.inputs[3] !== undefined) atoms.pinValue(p.y, `the padding of ${node.label} is not constant`)
}

const resize: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const sizes = node.inputs[3]
  const kept = sizes === undefined ? spatial(p.x) : [0, 1, ...spatial(p.x)]
  along(atoms, p.x, p.y, kept, `${node.label} resizes, or states the size of, this axis`)
}

const gather: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p?.w) return
  const axis = within(node.int('axis', 0), p.x)
  const width = rank(p.w)
  for (let a = 0; a < rank(p.x); a++) {
    if (a === axis) atoms.pin(p.x, a, `${node.label} picks from this axis`)
    else atoms.joinAxes(p.x, a, p.y, a < axis ? a : a + width - 1)
  }
  for (let a = 0; a < width; a++) atoms.joinAxes(p.w, a, p.y, axis + a)
}

/** Quantized values: scale and zero point of an axis belong to its coordinates. */
const quantizes: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, [], '')
  const axis = within(node.int('axis', 1), p.x)
  for (const parameter of node.inputs.slice(1)) {
    if (parameter === undefined || rank(parameter) === 0) continue
    if (rank(parameter) === 1 && node.int('block_size', 0) === 0 && parameter.shape?.[0] === p.x.shape?.[axis]) atoms.joinAxes(parameter, 0, p.x, axis)
    else for (const value of [p.x, p.y, parameter]) atoms.pinValue(value, `${node.label} quantizes in blocks`)
  }
}

/** Sizes of a value that are read: only those that are asked for must stay. */
const shape: Rule = (node, { atoms }) => {
  const [x] = node.inputs
  if (x === undefined) return
  const asked = new Set<number>()
  for (const { node: reader } of node.outputs[0]?.uses ?? []) {
    const indices = reader.opType === 'Gather' && node.outputs[0]?.isGraphOutput !== true ? integers(reader.inputs[1]) : undefined
    for (const index of indices ?? Array.from({ length: rank(x) }, (_, i) => i)) asked.add(within(index, x))
  }
  for (const axis of asked) atoms.pin(x, axis, `${node.label} reads its size`)
}

/** Attention over heads as one operator: a head goes as a whole. */
const fusedAttention: Rule = (node, { atoms }) => {
  const p = parts(node)
  const heads = node.int('num_heads', 0)
  const [q, k, v] = node.inputs
  const simple = p !== undefined && q && k && v && heads > 0 && node.inputs.slice(3).every((input) => input === undefined)
    && [q, k, v].every((value) => rank(value) === 3) && node.outputs.length === 1
  if (!simple) {
    keepsAll(node, atoms, `${node.label} is more than attention of q, k and v`)
    return
  }
  atoms.joinAxes(q, 0, p.y, 0)
  for (const value of [q, k, v, p.y]) {
    if (value !== q) atoms.joinAxes(value, 0, q, 0)
    atoms.pin(value, 1, `the positions of ${node.label}`)
    const width = atoms.size(value, 2) ?? 0
    // Coordinates of a head are tied to the head's first, and that to the query's.
    for (let i = 0; i < width; i++) atoms.join(value, 2, i, q, 2, Math.floor(i / (width / heads)) * ((atoms.size(q, 2) ?? 0) / heads))
  }
}

function keepsAll(node: Node, atoms: Atoms, reason: string): void {
  for (const value of [...node.inputs, ...node.outputs]) if (value) atoms.pinValue(value, reason)
}

/** Before version 13, softmax is over all axes from the one named. */
const lastAxis = (node: Node, x: Value, opset: number): number[] =>
  (opset < 13 && node.opType !== 'LpNormalization' ? fromAxis(node, x, opset, 1) : [within(node.int('axis', -1), x)])
const fromAxis = (node: Node, x: Value, _opset: number, otherwise = -1): number[] => {
  const first = within(node.int('axis', otherwise), x)
  return Array.from({ length: rank(x) - first }, (_, i) => first + i)
}

const table = (rule: Rule, ...names: readonly string[]): [string, Rule][] => names.map((name) => [name, rule])

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...table(elementwise, 'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Sum', 'Mean', 'Where', 'PRelu', 'Equal', 'Greater',
    'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor', 'Mod'),
  ...table(unary, 'Relu', 'LeakyRelu', 'Elu', 'Selu', 'Celu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Swish', 'Mish', 'Tanh', 'Clip', 'Erf', 'Gelu',
    'Softplus', 'Softsign', 'ThresholdedRelu', 'Identity', 'Cast', 'Dropout', 'Neg', 'Abs', 'Sqrt', 'Exp', 'Log', 'Reciprocal', 'Sign',
    'Floor', 'Ceil', 'Round', 'Sin', 'Cos', 'Not'),
  ...table(conv, 'Conv', 'ConvTranspose'),
  ...table(gemm, 'Gemm'),
  ...table(matMul, 'MatMul'),
  ...table(channelNorm, 'BatchNormalization', 'InstanceNormalization'),
  ...table(normalizes(fromAxis), 'LayerNormalization', 'RMSNormalization'),
  ...table(normalizes(lastAxis), 'Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization'),
  ...table(pool, 'MaxPool', 'AveragePool', 'LpPool', 'GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'),
  ...table(reduce, 'ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceProd', 'ReduceSumSquare',
    'ReduceLogSum', 'ReduceLogSumExp'),
  ...table(transpose, 'Transpose'),
  ...table(reshape, 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'),
  ...table(concat, 'Concat'),
  ...table(split, 'Split'),
  ...table(slice, 'Slice'),
  ...table(pad, 'Pad'),
  ...table(resize, 'Resize'),
  ...table(gather, 'Gather'),
  ...table(quantizes, 'QuantizeLinear', 'DequantizeLinear'),
  ...table(shape, 'Shape'),
  ...table(fusedAttention, 'com.microsoft.MultiHeadAttention'),
])

/** Operators through which channels can be removed. */
export const PRUNABLE_OPERATORS: readonly string[] = [...RULES.keys()]

/** Applies the rule of a node, or keeps everything that it touches. */
export function tie(node: Node, context: RuleContext): void {
  const name = sameDomain(node.domain, '') ? node.opType : `${node.domain}.${node.opType}`
  const rule = RULES.get(name)
  const untyped = [...node.inputs, ...node.outputs].find((value) => value !== undefined && value.name !== '' && value.shape === undefined)
  if (node.subgraphs.length > 0 || rule === undefined || untyped !== undefined) {
    keepsAll(node, context.atoms, untyped !== undefined ? `the shape of "${untyped.name}" is not known` : `${node.label} has no rule for removing channels`)
  } else rule(node, context)
}
