// Elementwise functions, normalization, pooling and sums over axes: coordinates stay, or are mixed along whole axes.
import type { Node, Value } from '../../../onnx'
import { integers } from '../../constants'
import { along, parts, pinOthers, rank, spatial, within, type Rule } from './rule'

export const elementwise: Rule = (node, { atoms }) => {
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
export const unary: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, [], '')
  for (const other of node.inputs.slice(1)) if (other) atoms.pinValue(other, `a parameter of ${node.label}`)
  pinOthers(node, atoms)
}

/** Statistics for each channel: channels do not mix. */
export const channelNorm: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, spatial(p.x), `height and width of ${node.label}`)
  for (const parameter of node.inputs.slice(1)) if (parameter) atoms.joinAxes(parameter, 0, p.x, 1)
  pinOthers(node, atoms)
}

/** Normalizes over axes: those must stay whole, or the statistics change. */
export const normalizes = (axes: (node: Node, x: Value, opset: number) => number[]): Rule => (node, { atoms, opset }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, axes(node, p.x, opset), `${node.label} computes statistics over this axis`)
  for (const parameter of node.inputs.slice(1)) if (parameter) atoms.pinValue(parameter, `a parameter of ${node.label}`)
  pinOthers(node, atoms)
}

export const pool: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  along(atoms, p.x, p.y, spatial(p.x), `height and width of ${node.label}`)
  const indices = node.outputs[1]
  if (indices !== undefined && indices.name !== '') {
    for (const value of [p.x, p.y, indices]) atoms.pinValue(value, `${node.label} also gives indices`)
  }
}

export const reduce: Rule = (node, { atoms }) => {
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

/** Quantized values: scale and zero point of an axis belong to its coordinates. */
export const quantizes: Rule = (node, { atoms }) => {
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

/** Before version 13, softmax is over all axes from the one named. */
export const lastAxis = (node: Node, x: Value, opset: number): number[] =>
  (opset < 13 && node.opType !== 'LpNormalization' ? fromAxis(node, x, opset, 1) : [within(node.int('axis', -1), x)])
export const fromAxis = (node: Node, x: Value, _opset: number, otherwise = -1): number[] => {
  const first = within(node.int('axis', otherwise), x)
  return Array.from({ length: rank(x) - first }, (_, i) => first + i)
}
