// Operators that move, cut, join or count axes.
import type { Node, Value } from '../../../onnx'
import { integers } from '../../constants'
import { reshapeGroups } from './reshape'
import { along, parts, rank, spatial, within, type Rule, type RuleContext } from './rule'

export const transpose: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const perm = node.ints('perm') ?? Array.from({ length: rank(p.x) }, (_, i) => rank(p.x) - 1 - i)
  perm.forEach((from, to) => { atoms.joinAxes(p.x, from, p.y, to) })
}

export const reshape: Rule = (node, { atoms, factor }) => {
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

export const concat: Rule = (node, { atoms }) => {
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

export const split: Rule = (node, { atoms }) => {
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

export const slice: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const axes = node.ints('axes') ?? (node.inputs[3] === undefined ? undefined : integers(node.inputs[3]) ?? null)
  const cut = axes === null ? undefined : axes?.map((axis) => within(axis, p.x)) ?? Array.from({ length: rank(p.x) }, (_, i) => i)
  if (cut === undefined) for (const value of [p.x, p.y]) atoms.pinValue(value, `the axes of ${node.label} are not constant`)
  else along(atoms, p.x, p.y, cut, `${node.label} cuts this axis`)
}

export const pad: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const kept = Array.from({ length: rank(p.x) }, (_, axis) => axis).filter((axis) => p.x.shape?.[axis] !== p.y.shape?.[axis])
  const pads = node.ints('pads') ?? integers(node.inputs[1])
  if (pads === undefined || node.inputs[3] !== undefined) atoms.pinValue(p.x, `the padding of ${node.label} is not constant`)
  else along(atoms, p.x, p.y, [...kept, ...pads.flatMap((size, i) => (size === 0 ? [] : [i % rank(p.x)]))], `${node.label} pads this axis`)
  if (pads === undefined || node.inputs[3] !== undefined) atoms.pinValue(p.y, `the padding of ${node.label} is not constant`)
}

export const resize: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  const sizes = node.inputs[3]
  const kept = sizes === undefined ? spatial(p.x) : [0, 1, ...spatial(p.x)]
  along(atoms, p.x, p.y, kept, `${node.label} resizes, or states the size of, this axis`)
}

export const gather: Rule = (node, { atoms }) => {
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

/** Sizes of a value that are read: only those that are asked for must stay. */
export const shape: Rule = (node, { atoms }) => {
  const [x] = node.inputs
  if (x === undefined) return
  const asked = new Set<number>()
  for (const { node: reader } of node.outputs[0]?.uses ?? []) {
    const indices = reader.opType === 'Gather' && node.outputs[0]?.isGraphOutput !== true ? integers(reader.inputs[1]) : undefined
    for (const index of indices ?? Array.from({ length: rank(x) }, (_, i) => i)) asked.add(within(index, x))
  }
  for (const axis of asked) atoms.pin(x, axis, `${node.label} reads its size`)
}
