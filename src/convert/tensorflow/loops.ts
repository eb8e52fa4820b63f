// Loops of TensorFlow 1 raised to those of TensorFlow 2: frames of Enter, Merge, LoopCond, Switch, NextIteration and Exit
// become one While with two functions. (Yu et al., Dynamic Control Flow in Large-Scale Machine Learning, EuroSys 2018, §4.)
import { ConvertError } from '../errors'
import { GraphNode, type Endpoint, type TfGraph } from './graph'

/** Nodes between parameters and results that are copied each time the function is put in place. */
export interface Region {
  readonly parameters: readonly GraphNode[]
  results: readonly Endpoint[]
}

interface Variable { readonly enter: GraphNode, readonly merge: GraphNode, readonly next: GraphNode }
/** What stands for the outputs of a node that is gone. */
type Replaced = Map<GraphNode, readonly (Endpoint | undefined)[]>

/** The nodes of control flow, by what they belong to. */
interface Parts {
  readonly variables: ReadonlyMap<string, Variable[]>
  readonly constants: ReadonlyMap<string, GraphNode[]>
  readonly switches: ReadonlyMap<GraphNode, GraphNode[]>
  readonly exits: ReadonlyMap<GraphNode, GraphNode[]>
}

/** Replaces every loop that has the form which TensorFlow writes; what has not stays, and is refused when it is lowered. */
export function raiseLoops(graph: TfGraph): void {
  const conditions = [...graph.nodes.values()].filter(({ op }) => op === 'LoopCond')
  if (conditions.length === 0) return
  const parts = partsOf(graph), replaced: Replaced = new Map()
  for (const node of conditions) raise(graph, node, parts, replaced)
  const mapped = ({ node, index }: Endpoint): Endpoint => replaced.get(node)?.[index] ?? { node, index }
  for (const node of graph.nodes.values()) node.inputs = node.inputs.map(mapped)
  for (const { region } of graph.functions.values()) if (region) region.results = region.results.map(mapped)
}

function put<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key)
  if (known) known.push(value)
  else map.set(key, [value])
}

function partsOf(graph: TfGraph): Parts {
  const parts = { variables: new Map<string, Variable[]>(), constants: new Map<string, GraphNode[]>(), switches: new Map<GraphNode, GraphNode[]>(), exits: new Map<GraphNode, GraphNode[]>() }
  for (const node of graph.nodes.values()) {
    const [first, second] = node.inputs.map((input) => input.node)
    if (node.op === 'Enter' && node.bool('is_constant')) put(parts.constants, node.string('frame_name'), node)
    if (node.op === 'Merge' && first?.op === 'Enter' && second?.op === 'NextIteration') put(parts.variables, first.string('frame_name'), { enter: first, merge: node, next: second })
    if (node.op === 'Switch' && second?.op === 'LoopCond') put(parts.switches, second, node)
    if (node.op === 'Exit' && first?.op === 'Switch' && node.inputs[0]?.index === 0) put(parts.exits, first, node)
  }
  return parts
}

function raise(graph: TfGraph, condition: GraphNode, parts: Parts, replaced: Replaced): void {
  const switches = parts.switches.get(condition) ?? []
  const frame = switches.map(({ inputs }) => inputs[0]?.node.inputs[0]?.node).find((node) => node?.op === 'Enter')?.string('frame_name')
  const test = condition.inputs[0]
  if (frame === undefined || test === undefined) return
  const variables = parts.variables.get(frame) ?? [], constants = parts.constants.get(frame) ?? []
  const from = [...variables.map(({ enter }) => enter), ...constants].map(({ inputs }) => inputs[0])
  const back = variables.map(({ next }) => next.inputs[0])
  if ([...from, ...back].includes(undefined)) return

  const parameter = (node: GraphNode): GraphNode => new GraphNode(node.name, '_Argument', new Map())
  const asked = variables.map(({ merge }) => parameter(merge)), done = variables.map(({ merge }) => parameter(merge)), fixed = constants.map(parameter)
  const output = (node: GraphNode): Endpoint => ({ node, index: 0 })
  const names = { cond: `${frame} (condition)`, body: `${frame} (body)` }
  const add = (name: string, parameters: readonly GraphNode[], results: readonly (Endpoint | undefined)[]): void => {
    graph.functions.set(name, {
      name, parameters: parameters.map((one) => ({ name: one.name, type: 0 })), results: [], message: {},
      region: { parameters, results: results.filter((endpoint) => endpoint !== undefined) },
    })
  }
  add(names.cond, [...asked, ...fixed], [test])
  add(names.body, [...done, ...fixed], [...back, ...fixed.map(output)])
  const loop = new GraphNode(`${frame}/while`, 'While', new Map(Object.entries(names).map(([key, name]) => [key, { func: { name } }])))
  loop.inputs = from.filter((endpoint) => endpoint !== undefined)
  graph.nodes.set(loop.name, loop)

  const byMerge = new Map<GraphNode | undefined, GraphNode[]>()
  for (const part of switches) put(byMerge, part.inputs[0]?.node, part)
  for (const { name } of [condition, ...constants, ...variables.flatMap(({ enter, merge, next }) => [enter, merge, next]), ...switches]) graph.nodes.delete(name)
  constants.forEach((node, i) => replaced.set(node, fixed.slice(i, i + 1).map(output)))
  variables.forEach(({ merge }, i) => {
    replaced.set(merge, asked.slice(i, i + 1).map(output))
    for (const part of byMerge.get(merge) ?? []) {
      replaced.set(part, [undefined, ...done.slice(i, i + 1).map(output)])
      for (const exit of parts.exits.get(part) ?? []) {
        const result = new GraphNode(exit.name, 'Identity', exit.attrs)
        result.inputs = [{ node: loop, index: i }]
        graph.nodes.set(exit.name, result)
        graph.exits.add(result)
        replaced.set(exit, [output(result)])
      }
    }
  })
}

/** The region's results with `args` in place of its parameters. Nodes that no parameter reaches stay what they are. */
export function copyOf(region: Region, args: readonly Endpoint[], prefix: string, where: string): { readonly nodes: Map<string, GraphNode>; readonly results: Endpoint[] } {
  const given = new Map(region.parameters.map((node, i) => [node, args[i]]))
  const copies = new Map<GraphNode, GraphNode>()
  const nodes = new Map<string, GraphNode>()
  const taken = ({ node, index }: Endpoint): Endpoint => given.get(node) ?? { node: copies.get(node) ?? node, index }
  const open = new Set<GraphNode>(), stack = region.results.map(({ node }) => node)
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    if (copies.has(node) || given.has(node)) {
      stack.pop()
      continue
    }
    const waiting = node.inputs.filter((input) => !copies.has(input.node) && !given.has(input.node))
    if (waiting.length > 0) {
      if (open.has(node)) throw new ConvertError('CONVERT_MALFORMED', 'Nodes of a loop depend on each other in a circle', { got: node.name, where })
      open.add(node)
      stack.push(...waiting.map((input) => input.node))
      continue
    }
    stack.pop()
    const inputs = node.inputs.map(taken)
    const reached = inputs.some((input, i) => input.node !== node.inputs[i]?.node)
    const copy = reached ? new GraphNode(prefix + node.name, node.op, node.attrs) : node
    if (reached) copy.inputs = inputs
    copies.set(node, copy)
    if (reached) nodes.set(node.name, copy)
  }
  return { nodes, results: region.results.map(taken) }
}
