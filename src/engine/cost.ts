// What a graph costs, roughly: floating-point operations decide how many threads it gets, bytes how many graphs are kept.
import { elementCount } from '../core'
import type { GraphNode, V } from './graph'

/** Estimated cost of one run. */
export interface Cost {
  /** Multiply-adds counted as two. */
  readonly flops: number
  /** Of all intermediate values together: an upper bound of what a run holds at once. */
  readonly bytes: number
}

const WIDTH = { float32: 4, int32: 4, bool: 1, int64: 8 } as const
const count = (v: V | undefined): number => (v ? elementCount(v.shape) : 0)

function flopsOf(node: GraphNode): number {
  const out = node.outputs.reduce((sum, v) => sum + count(v), 0)
  const [a, b] = node.inputs
  switch (node.op) {
    case 'Gemm':
    case 'FusedMatMul':
    case 'MatMul': {
      const rows = a?.shape.at(node.attributes.transA === 1 ? -1 : -2) ?? 1
      return 2 * count(a) / Math.max(1, rows) * out / Math.max(1, elementCount(a?.shape.slice(0, -2) ?? []))
    }
    case 'Conv': return 2 * out * count(b) / Math.max(1, b?.shape[0] ?? 1)
    case 'ConvTranspose': return 2 * count(a) * count(b) / Math.max(1, b?.shape[0] ?? 1)
    default: return Math.max(out, count(a))
  }
}

/** Sums over the nodes. */
export function costOf(nodes: readonly GraphNode[]): Cost {
  let flops = 0
  let bytes = 0
  for (const node of nodes) {
    flops += flopsOf(node)
    for (const v of node.outputs) bytes += count(v) * WIDTH[v.dtype]
  }
  return { flops, bytes }
}
