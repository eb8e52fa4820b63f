// Topological order: every node after the nodes whose outputs it reads, also through graphs inside it.
import { OnnxError } from '../errors'
import type { Graph } from './graph'
import type { Node } from './node'
import type { Value } from './value'

/**
 * The nodes of a graph in topological order. Stable: nodes that are in order already keep it.
 *
 * @throws OnnxError `ONNX_CYCLE` naming nodes of a circle
 */
export function topologicalOrder(graph: Graph): readonly Node[] {
  const { nodes } = graph
  const place = new Map<Node, number>()
  nodes.forEach((node, i) => place.set(node, i))
  const waiting = new Int32Array(nodes.length)
  const followers: number[][] = []
  let ordered = true
  for (const [i, node] of nodes.entries()) {
    for (const value of readsOf(node)) {
      const from = value.producer === undefined ? undefined : place.get(value.producer)
      if (from === undefined) continue
      if (from >= i) ordered = false
      waiting[i] = (waiting[i] ?? 0) + 1
      ;(followers[from] ??= []).push(i)
    }
  }
  if (ordered) return nodes
  const order: Node[] = []
  const ready = new MinHeap()
  nodes.forEach((_, i) => { if (waiting[i] === 0) ready.push(i) })
  for (let i = ready.pop(); i !== undefined; i = ready.pop()) {
    const node = nodes[i]
    if (node !== undefined) order.push(node)
    for (const follower of followers[i] ?? []) {
      const left = (waiting[follower] ?? 0) - 1
      waiting[follower] = left
      if (left === 0) ready.push(follower)
    }
  }
  if (order.length < nodes.length) throw cycle(graph, nodes, waiting)
  return order
}

/** Puts the nodes of a graph, and of every graph inside it, into topological order. */
export function sortGraph(graph: Graph): void {
  const order = topologicalOrder(graph)
  if (order !== graph.nodes) graph.reorder(order)
  for (const node of order) if (node.attributes.size > 0) for (const inner of node.subgraphs) sortGraph(inner)
}

/** The different values that a node reads, itself or in graphs inside it. */
export function readsOf(node: Node): Iterable<Value> {
  const found = new Set<Value>()
  collectReads(node, found)
  return found
}

function collectReads(node: Node, into: Set<Value>): void {
  for (const input of node.inputs) if (input !== undefined) into.add(input)
  if (node.attributes.size === 0) return
  for (const graph of node.subgraphs) {
    for (const inner of graph.nodes) collectReads(inner, into)
    for (const output of graph.outputs) into.add(output)
  }
}

function cycle(graph: Graph, nodes: readonly Node[], waiting: Int32Array): OnnxError {
  // Walk backwards from a node that never became ready: within as many steps as there are nodes, one comes twice.
  let at = nodes.find((_, i) => (waiting[i] ?? 0) > 0)
  const stuck = new Set(nodes.filter((_, i) => (waiting[i] ?? 0) > 0))
  const seen = new Map<Node, number>()
  const path: Node[] = []
  while (at !== undefined && !seen.has(at)) {
    seen.set(at, path.length)
    path.push(at)
    let before: Node | undefined
    for (const value of readsOf(at)) if (value.producer !== undefined && stuck.has(value.producer)) before = value.producer
    at = before
  }
  const circle = at === undefined ? path : path.slice(seen.get(at))
  const shown = circle.slice(0, 5).reverse().map((node) => node.label)
  return new OnnxError('ONNX_CYCLE', `Nodes of graph "${graph.name}" depend on each other in a circle`, {
    got: shown.join(' → ') + (circle.length > 5 ? ` … (${circle.length} nodes)` : ''),
    where: `graph "${graph.name}"`,
  })
}

class MinHeap {
  private readonly items: number[] = []

  push(item: number): void {
    const { items } = this
    let at = items.length
    items.push(item)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = items[above] ?? 0
      if (parent <= item) break
      items[at] = parent
      at = above
    }
    items[at] = item
  }

  pop(): number | undefined {
    const { items } = this
    const top = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && (items[child + 1] ?? 0) < (items[child] ?? 0)) child++
      const value = items[child] ?? 0
      if (value >= last) break
      items[at] = value
      at = child
    }
    items[at] = last
    return top
  }
}
