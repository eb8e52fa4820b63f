// Convolutions and matrix products: channels of the input are summed over, channels of the output are rows of the weight.
import type { Node, Value } from '../../../onnx'
import { constantOf } from '../../constants'
import type { Atoms } from './atoms'
import { along, parts, rank, spatial, type Rule, type RuleContext } from './rule'

export const conv: Rule = (node, { atoms, contracted }) => {
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
  // com.microsoft.FusedConv adds this to its output.
  const added = node.inputs[3]
  if (added) along(atoms, added, y, [], '')
}

export const gemm: Rule = (node, { atoms, contracted }) => {
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

export const matMul: Rule = (node, { atoms, contracted }) => {
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
