// What every rule of the families works with: how operators tie the coordinates of their inputs and outputs together.
import type { Node, Value } from '../../../onnx'
import type { Atoms } from './atoms'

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

export type Rule = (node: Node, context: RuleContext) => void

export const rank = (value: Value | undefined): number => value?.shape?.length ?? 0
export const within = (axis: number, value: Value | undefined): number => (axis < 0 ? axis + rank(value) : axis)

export function parts(node: Node): { x: Value; y: Value; w: Value | undefined; b: Value | undefined } | undefined {
  const [x, w, b] = node.inputs
  const [y] = node.outputs
  return x === undefined || y === undefined ? undefined : { x, y, w, b }
}

/** Every axis to the axis of the same number, but those named are kept whole. */
export function along(atoms: Atoms, a: Value, b: Value, kept: readonly number[], reason: string): void {
  for (let axis = 0; axis < rank(a); axis++) {
    if (kept.includes(axis)) {
      atoms.pin(a, axis, reason)
      atoms.pin(b, axis, reason)
    } else atoms.joinAxes(a, axis, b, axis)
  }
}

export const spatial = (value: Value): number[] => Array.from({ length: Math.max(0, rank(value) - 2) }, (_, i) => i + 2)

/** The other outputs of a node are of use to nobody here: if somebody reads them, they stay whole. */
export const pinOthers = (node: Node, atoms: Atoms, from = 1): void => {
  for (const output of node.outputs.slice(from)) atoms.pinValue(output, `${node.label} has further outputs`)
}

export function keepsAll(node: Node, atoms: Atoms, reason: string): void {
  for (const value of [...node.inputs, ...node.outputs]) if (value) atoms.pinValue(value, reason)
}
