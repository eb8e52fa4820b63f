// What a model costs: parameters, arithmetic, memory of activations; as a whole and per node.
import { byteLength, displaySymbol, type Displayable, type MimeBundle } from '../core'
import { costOf } from './costs'
import { inferShapes } from './infer/infer'
import { cloneModel } from './ir/clone'
import type { Graph } from './ir/graph'
import type { Model } from './ir/model'
import type { Node } from './ir/node'
import { readsOf } from './ir/sort'
import { formatShape, formatType, staticShape } from './ir/types'
import type { Value } from './ir/value'
import { formatBytes, formatCount, tableBundle, textTable, type Table } from './show'

/** One node's share. Undefined where shapes are not known. */
export interface LayerStatistics {
  readonly name: string
  readonly operator: string
  readonly output: string
  /** Elements of constants that this node is the first to read. */
  readonly parameters: number
  readonly macs: number | undefined
  /** Floating-point operations: two a multiply-accumulate, and all others. */
  readonly flops: number | undefined
  /** Bytes of its outputs. */
  readonly activationBytes: number | undefined
}

/** How a model is measured. */
export interface StatisticsOptions {
  /** Numbers for symbolic sizes, by symbol; a symbol that is not named becomes 1. */
  readonly sizes?: Readonly<Record<string, number>>
}

/** The costs of a model. */
export class ModelStatistics implements Displayable {
  constructor(
    readonly name: string,
    readonly layers: readonly LayerStatistics[],
    /** Elements of all constants, each counted once. */
    readonly parameters: number,
    readonly parameterBytes: number,
    /** Most bytes of activations alive at once, when nodes run in order and each value is freed after its last reader. */
    readonly peakActivationBytes: number,
    /** Bytes of all activations together. */
    readonly activationBytes: number,
    /** What symbolic sizes were taken to be. */
    readonly sizes: ReadonlyMap<string, number>,
  ) {}

  get macs(): number {
    return this.layers.reduce((sum, layer) => sum + (layer.macs ?? 0), 0)
  }

  get flops(): number {
    return this.layers.reduce((sum, layer) => sum + (layer.flops ?? 0), 0)
  }

  /** Nodes whose arithmetic or output size is not known; the sums leave them out. */
  get unknownLayers(): number {
    return this.layers.filter((layer) => layer.flops === undefined || layer.activationBytes === undefined).length
  }

  /** How many nodes of each operator there are, most frequent first. */
  get operators(): [string, number][] {
    const counts = new Map<string, number>()
    for (const { operator } of this.layers) counts.set(operator, (counts.get(operator) ?? 0) + 1)
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  }

  toString(): string {
    return textTable(this.table())
  }

  [displaySymbol](): MimeBundle {
    return tableBundle(this.table())
  }

  private table(): Table {
    const sizes = [...this.sizes].map(([symbol, size]) => `${symbol} = ${size}`).join(', ')
    const unknown = this.unknownLayers
    return {
      title: `${this.name}: ${this.layers.length} nodes, ${formatCount(this.parameters)} parameters (${formatBytes(this.parameterBytes)}), `
        + `${formatCount(this.macs)} MACs, ${formatCount(this.flops)} FLOPs, activations ${formatBytes(this.activationBytes)}, peak ${formatBytes(this.peakActivationBytes)}`
        + (sizes === '' ? '' : ` (${sizes})`),
      columns: ['node', 'operator', 'output', 'parameters', 'MACs', 'FLOPs', 'activation bytes'],
      rows: this.layers.map((layer) => [
        layer.name, layer.operator, layer.output, layer.parameters, layer.macs ?? '?', layer.flops ?? '?', layer.activationBytes ?? '?',
      ]),
      ...(unknown === 0 ? {} : { footer: `${unknown} nodes have unknown shapes and are left out of the sums` }),
    }
  }
}

/** Measures a model. The model stays as it is. Graphs inside nodes (If, Loop) count once, as if run once. */
export function statistics(model: Model, options: StatisticsOptions = {}): ModelStatistics {
  const copy = cloneModel(model)
  const sizes = new Map<string, number>()
  for (const input of copy.graph.inputs) {
    const { type } = input
    if (type?.kind !== 'tensor' || type.shape === undefined) continue
    input.type = {
      ...type,
      shape: type.shape.map((dim) => {
        if (typeof dim !== 'string') return dim ?? 1
        const size = options.sizes?.[dim] ?? 1
        sizes.set(dim, size)
        return size
      }),
    }
  }
  // Stated types may hold the symbols that have numbers now.
  for (const value of allValues(copy.graph)) if (value.producer !== undefined) value.type = undefined
  copy.graph.outputInfo = undefined
  inferShapes(copy)
  const seen = new Set<Value>()
  const layers: LayerStatistics[] = []
  let parameterBytes = 0
  let parameters = 0
  for (const node of copy.graph.allNodes()) {
    let own = 0
    const constants = node.opType === 'Constant' ? [] : node.inputs
    for (const value of constants) {
      const tensor = value?.tensor ?? (value?.producer?.opType === 'Constant' ? value.producer.get('value', 'tensor') : undefined)
      if (value === undefined || tensor === undefined || seen.has(value)) continue
      seen.add(value)
      own += tensor.size
      parameterBytes += tensor.byteLength
    }
    parameters += own
    const cost = costOf(node)
    layers.push({
      name: node.name === '' ? (node.outputs[0]?.name ?? '') : node.name,
      operator: node.domain === '' ? node.opType : `${node.domain}.${node.opType}`,
      output: describe(node.outputs[0]),
      parameters: own, macs: cost?.macs, flops: cost === undefined ? undefined : 2 * cost.macs + cost.operations,
      activationBytes: bytesOfOutputs(node),
    })
  }
  const activationBytes = layers.reduce((sum, layer) => sum + (layer.activationBytes ?? 0), 0)
  return new ModelStatistics(model.graph.name, layers, parameters, parameterBytes, peak(copy.graph), activationBytes, sizes)
}

function* allValues(graph: Graph): Generator<Value> {
  yield* graph.values()
  for (const node of graph.nodes) for (const inner of node.subgraphs) yield* allValues(inner)
}

function describe(value: Value | undefined): string {
  if (value === undefined) return ''
  return value.shape === undefined ? formatType(value.type) : `${value.dtype ?? '?'} ${formatShape(value.shape)}`
}

function bytesOf(value: Value): number | undefined {
  const shape = staticShape(value.shape)
  return shape === undefined || value.dtype === undefined ? undefined : byteLength(value.dtype, shape.reduce((a, b) => a * b, 1))
}

function bytesOfOutputs(node: Node): number | undefined {
  if (node.opType === 'Constant') return 0
  let sum = 0
  for (const output of node.outputs) {
    if (output.name === '') continue
    const bytes = bytesOf(output)
    if (bytes === undefined) return undefined
    sum += bytes
  }
  return sum
}

function peak(graph: Graph): number {
  const last = new Map<Value, number>()
  graph.nodes.forEach((node, i) => { for (const value of readsOf(node)) last.set(value, i) })
  for (const value of graph.outputs) last.set(value, Infinity)
  let alive = 0
  for (const input of graph.inputs) if (!graph.initializers.has(input)) alive += bytesOf(input) ?? 0
  let most = alive
  graph.nodes.forEach((node, i) => {
    if (node.opType === 'Constant') return
    for (const output of node.outputs) alive += bytesOf(output) ?? 0
    most = Math.max(most, alive)
    const ended = new Set<Value>(node.outputs.filter((output) => !last.has(output)))
    for (const value of readsOf(node)) if (last.get(value) === i) ended.add(value)
    for (const value of ended) {
      const held = value.graph === graph && value.tensor === undefined && value.producer?.opType !== 'Constant'
      if (held) alive -= bytesOf(value) ?? 0
    }
  })
  return most
}
