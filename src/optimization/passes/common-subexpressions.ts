// Computes equal things once.
import { sha256 } from '../../core'
import { sameDomain, type Attribute, type Graph, type Node, type Tensor, type Value } from '../../onnx'
import { constantOf, uniform } from '../constants'
import { definePass, graphsOfModel, opsetOf, replaceValue, whyNotReplaceable, type Pass, type Work } from '../pass'

const RANDOM: ReadonlySet<string> = new Set(['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Multinomial', 'Bernoulli'])

/** Why a node may not stand for another one of the same form. */
export function whyNotDeterministic(node: Node, opset: number): string | undefined {
  if (!sameDomain(node.domain, '') && node.domain !== 'com.microsoft') return `${node.label} is of another operator set, which may be random`
  if (RANDOM.has(node.opType)) return `${node.label} is random: each has its own numbers`
  if (node.opType === 'Dropout' && (opset < 7 ? node.int('is_test', 0) === 0 : node.inputs[2] !== undefined && uniform(constantOf(node.inputs[2])) !== 0)) {
    return `${node.label} is random while training`
  }
  if (node.subgraphs.length > 0) return `${node.label} has graphs inside it`
  return undefined
}

const digests = new WeakMap<Tensor, string>()

function digest(tensor: Tensor): string {
  let known = digests.get(tensor)
  if (known === undefined) {
    const content = tensor.dtype === 'string' ? JSON.stringify(tensor.strings.map((text) => Buffer.from(text).toString('base64'))) : tensor.bytes
    digests.set(tensor, known = `${tensor.dtype}[${tensor.shape.join(',')}]${sha256(content)}`)
  }
  return known
}

function attributeKey(held: Attribute): unknown {
  switch (held.kind) {
    case 'tensor': return digest(held.value)
    case 'int': return `i${held.value}`
    case 'ints': return held.value.map((value) => `i${value}`)
    case 'float': return Object.is(held.value, -0) ? 'f-0' : `f${held.value}`
    case 'floats': return held.value.map((value) => (Object.is(value, -0) ? 'f-0' : `f${value}`))
    case 'string': case 'strings': return held.value
    default: return undefined
  }
}

/** Equal keys: the same operator on the same values with the same attributes. */
function nodeKey(node: Node, idOf: (value: Value) => number): string | undefined {
  const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, held]) => [name, attributeKey(held)])
  if (attributes.some(([, key]) => key === undefined)) return undefined
  const outputs = node.outputs.map((output) => output.name !== '')
  return JSON.stringify([node.domain, node.opType, node.overload, attributes, node.inputs.map((input) => (input === undefined ? -1 : idOf(input))), outputs])
}

function mergeNodes(graph: Graph, { model, changed }: Work): void {
  const ids = new Map<Value, number>()
  const idOf = (value: Value): number => {
    let id = ids.get(value)
    if (id === undefined) ids.set(value, id = ids.size)
    return id
  }
  const first = new Map<string, Node>()
  for (const node of graph.nodes) {
    if (node.outputs.length === 0 || whyNotDeterministic(node, opsetOf(model)) !== undefined) continue
    const key = nodeKey(node, idOf)
    if (key === undefined) continue
    const kept = first.get(key)
    if (kept === undefined) {
      first.set(key, node)
      continue
    }
    const pairs = node.outputs.map((output, index) => [output, kept.outputs[index]] as const)
    if (pairs.some(([output, other]) => other === undefined || whyNotReplaceable(output, other) !== undefined)) continue
    for (const [output, other] of pairs) {
      if (other !== undefined && output.name !== '') replaceValue(output, other)
    }
    graph.remove(node)
    changed('node', kept.outputs[0] ?? kept.label, `${node.label} computes the same as ${kept.label}`)
  }
}

/** Bytes at the start and in the middle of a tensor that are compared before all of it is. */
const SAMPLE_BYTES = 64

/** Two stretches of a tensor's bytes: weights that differ hardly ever agree in them. */
function sample(tensor: Tensor): string {
  if (tensor.dtype === 'string' || tensor.byteLength <= 4 * SAMPLE_BYTES) return ''
  const { source } = tensor
  const bytes = source === undefined ? tensor.bytes : undefined
  return [0, Math.floor(tensor.byteLength / 2)].map((at) =>
    Buffer.from(bytes?.subarray(at, at + SAMPLE_BYTES) ?? source?.read(at, SAMPLE_BYTES) ?? []).toString('base64')).join(' ')
}

/** Initializers with equal content; those of one size and sample are compared first, so that most are never hashed. */
function mergeInitializers(graph: Graph, { changed }: Work): void {
  const bySize = new Map<string, [Value, Tensor][]>()
  for (const [value, tensor] of graph.initializers) {
    if (value.isGraphInput || value.isGraphOutput || tensor.source?.entries !== undefined) continue
    const size = `${tensor.dtype}[${tensor.shape.join(',')}] ${sample(tensor)}`
    const group = bySize.get(size)
    if (group === undefined) bySize.set(size, [[value, tensor]])
    else group.push([value, tensor])
  }
  for (const group of bySize.values()) {
    if (group.length < 2) continue
    const first = new Map<string, Value>()
    for (const [value, tensor] of group) {
      const key = digest(tensor)
      const kept = first.get(key)
      if (kept === undefined) {
        first.set(key, value)
        continue
      }
      if (graph.quantization.some((annotation) => annotation.value === value || [...annotation.parameters.values()].includes(value))) continue
      replaceValue(value, kept)
      graph.removeInitializer(value)
      changed('initializer', kept, `initializer "${value.name}" has the content of "${kept.name}"`)
    }
  }
}

/** Equal nodes and equal initializers, each kept once. */
export const commonSubexpressions: Pass = definePass({
  name: 'common-subexpressions',
  summary: 'Computes equal expressions once, and stores equal constants once.',
  handles: [
    'f(x, a) and f(x, a), with equal attributes → one f(x, a)',
    'two initializers of equal type, shape and bytes → one',
  ],
  leavesAlone: [
    'random operators, Dropout while training, and operators of other domains than ONNX and com.microsoft',
    'operators with graphs inside (If, Loop, Scan)',
    'two equal nodes that both make outputs of the model: both names are promised to callers',
    'equal nodes in different graphs, such as the two branches of an If',
    'f(a, b) and f(b, a)',
    'initializers that are also inputs, and weights that are not in memory',
  ],
  apply(work) {
    for (const graph of graphsOfModel(work.model)) {
      mergeInitializers(graph, work)
      mergeNodes(graph, work)
    }
  },
  why: ({ model }, node) => {
    const answer = (fires: boolean, why: string) => [{ rule: 'node', fires, why }]
    const random = whyNotDeterministic(node, opsetOf(model))
    if (random !== undefined) return answer(false, random)
    const ids = new Map<Value, number>()
    const idOf = (value: Value): number => ids.get(value) ?? (ids.set(value, ids.size), ids.size - 1)
    const key = nodeKey(node, idOf)
    const twin = node.graph?.nodes.find((other) => other !== node && other.opType === node.opType && nodeKey(other, idOf) === key)
    if (twin === undefined) return answer(false, `no other node applies ${node.opType} to the same inputs with the same attributes`)
    const bound = node.outputs.map((output, i) => { const other = twin.outputs[i]; return other && whyNotReplaceable(output, other) }).find((why) => why !== undefined)
    return bound === undefined ? answer(true, `${twin.label} computes the same`) : answer(false, bound)
  },
})
