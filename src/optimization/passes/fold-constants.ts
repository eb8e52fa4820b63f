// Computes what does not depend on the inputs once, now.
import { elementCount } from '../../core'
import { cloneNode, Graph, Model, Node, sameDomain, staticShape, tensorType, Tensor, Value, writeModel } from '../../onnx'
import { constantOf, integers, isConstantNode, originOf } from '../constants'
import { evaluate } from '../evaluate'
import { definePass, graphsOfModel, opsetOf, replaceValue, type Pass, type Work } from '../pass'
import { fromRunTensor, toRunTensor, isRunDType, type RunTensor } from '../run'
import { whyNotDeterministic } from './common-subexpressions'

/** Bytes of a folded result that are allowed when nothing else is said. */
export const FOLD_LIMIT: number = 2 ** 20

/** Their result is what quantization saved: folding them would store float weights again. */
const QUANTIZED: ReadonlySet<string> = new Set(['DequantizeLinear', 'QuantizeLinear', 'DynamicQuantizeLinear'])

type Outcome = { readonly tensors: readonly Tensor[] } | { readonly why: string }

/** The results of a node that depends on nothing but constants, or why it is not folded. */
function fold(node: Node, { model, context }: Work): Outcome {
  if (isConstantNode(node)) {
    const tensor = constantOf(node.outputs[0])
    return tensor === undefined ? { why: `${node.label} holds no dense tensor` } : { tensors: [tensor] }
  }
  const known = shapeOfKnown(node, opsetOf(model))
  if (known !== undefined) return { tensors: [known] }
  const random = whyNotDeterministic(node, opsetOf(model))
  if (random !== undefined) return { why: random }
  if (QUANTIZED.has(node.opType)) return { why: `${node.label} is part of a quantized model` }
  if (node.inputs.every((input) => input === undefined)) return { why: `${node.label} has no inputs` }
  const inputs: (Tensor | undefined)[] = []
  for (const input of node.inputs) {
    const tensor = constantOf(input)
    if (input !== undefined && tensor === undefined) return { why: `${node.label} depends on what is not constant: ${originOf(input)}` }
    inputs.push(tensor)
  }
  const limit = Math.max(context.foldLimit ?? FOLD_LIMIT, inputs.reduce((sum, tensor) => sum + (tensor?.byteLength ?? 0), 0))
  const large = `the result of ${node.label} is larger than the limit of ${limit} bytes`
  if (sizeAhead(node, inputs) > limit) return { why: large }
  const standard = sameDomain(node.domain, '')
  const built = standard ? evaluate(node, inputs, opsetOf(model), limit) : undefined
  if (built !== undefined) return built.byteLength <= limit ? { tensors: [built] } : { why: large }
  if (context.run === undefined) return { why: `${node.opType} is not evaluated without a runtime: give a run function` }
  const results = runNode(node, inputs, model, context.run)
  if (typeof results === 'string') return { why: results }
  return results.some((tensor) => tensor.byteLength > limit) ? { why: large } : { tensors: results }
}

/** Shape(x) of a value whose sizes are all known. */
function shapeOfKnown(node: Node, opset: number): Tensor | undefined {
  if ((node.opType !== 'Shape' && node.opType !== 'Size') || !sameDomain(node.domain, '')) return undefined
  const sizes = staticShape(node.inputs[0]?.shape)
  if (sizes === undefined) return undefined
  if (node.opType === 'Size') return Tensor.scalar(elementCount(sizes), 'int64')
  const part = opset >= 15 ? sizes.slice(node.int('start', 0), node.int('end')) : sizes
  return Tensor.from(part, [part.length], 'int64')
}

/** Bytes that operators which make much out of little are going to produce; 0 for others. */
function sizeAhead(node: Node, inputs: readonly (Tensor | undefined)[]): number {
  const [x, second] = inputs
  const list = integers(node.inputs[1]) ?? []
  switch (node.opType) {
    case 'ConstantOfShape': return elementCount(integers(node.inputs[0]) ?? []) * 4
    case 'Expand': return (x?.byteLength ?? 0) * elementCount(list)
    case 'Tile': return (x?.byteLength ?? 0) * elementCount(list)
    case 'Range': return second === undefined || x === undefined || inputs[2] === undefined ? 0
      : Math.abs((second.item() - x.item()) / inputs[2].item()) * 4
    case 'OneHot': return (x?.size ?? 0) * (list[0] ?? 1) * 4
    case 'Resize': case 'Upsample': case 'EyeLike': return Infinity
    default: return 0
  }
}

/** Runs one node as a model of its own. */
function runNode(node: Node, inputs: readonly (Tensor | undefined)[], model: Model, run: NonNullable<Work['context']['run']>): Tensor[] | string {
  const graph = new Graph('fold')
  const feeds: Record<string, RunTensor> = {}
  const values = new Map<Value, Value>()
  for (const [index, tensor] of inputs.entries()) {
    const original = node.inputs[index]
    if (tensor === undefined || original === undefined || values.has(original)) continue
    const feed = toRunTensor(tensor)
    if (feed === undefined) values.set(original, graph.addInitializer(`input${index}`, tensor))
    else {
      feeds[`input${index}`] = feed
      values.set(original, graph.addInput(new Value(`input${index}`, tensorType(tensor.dtype, tensor.shape))))
    }
  }
  const outputs = node.outputs.map((output, index) => new Value(output.name === '' ? '' : `output${index}`, output.type))
  const copy = graph.append(cloneNode(node, values, graph, outputs))
  graph.setOutputs(copy.outputs.filter((output) => output.name !== ''))
  try {
    const single = new Model(graph, { opsets: model.opsets, irVersion: Math.max(model.irVersion, 4), functions: model.functions })
    const results = run(writeModel(single), feeds)
    return copy.outputs.map((output) => {
      const result = results[output.name]
      if (result === undefined || !isRunDType(result.dtype)) throw new TypeError(`no result for ${output.name}`)
      return fromRunTensor(result)
    })
  } catch (error) {
    return `${node.label} could not be run: ${(error as Error).message}`
  }
}

function foldGraph(graph: Graph, work: Work): void {
  for (const node of graph.nodes) {
    const outputs = node.outputs.filter((output) => output.name !== '')
    // A constant that is returned stays a node, as a graph may not return what it is given.
    if (isConstantNode(node) && outputs.some((output) => output.isGraphOutput)) continue
    const outcome = fold(node, work)
    if ('why' in outcome) continue
    for (const [index, output] of node.outputs.entries()) {
      const tensor = outcome.tensors[index]
      if (output.name === '' || tensor === undefined) continue
      if (output.isGraphOutput) {
        const made = new Node('Constant', [], 1, { name: node.name, attributes: { value: tensor } })
        graph.insertBefore(node, made)
        replaceValue(output, made.output)
      } else replaceValue(output, graph.addInitializer(output.name, tensor))
    }
    graph.remove(node)
    work.changed('fold', outputs[0] ?? node.label, `${node.label} → constant`)
  }
}

/** Constants computed ahead, within a bound of size. */
export const foldConstants: Pass = definePass({
  name: 'fold-constants',
  summary: 'Computes once, now, what does not depend on the inputs of the model.',
  handles: [
    'f(constants) → constant, for the operators of shape arithmetic by itself, for all others by running them when a run function is given',
    'Constant → initializer',
    'Shape(x) and Size(x) of a value whose sizes are all known → constant',
  ],
  leavesAlone: [
    'initializers that are also inputs: a caller may replace them',
    'random operators, and operators with graphs inside (If, Loop, Scan)',
    'results larger than the limit (1 MiB unless said otherwise) and larger than the constants they come from: the file would grow',
    'division of integers by zero, and casts of numbers that the type cannot hold: machines differ',
    'Resize, Upsample and EyeLike: their result is not bounded ahead',
    'QuantizeLinear and DequantizeLinear: folding them would undo what quantization saved',
    'bodies of functions',
  ],
  apply: (work) => { for (const graph of graphsOfModel(work.model)) foldGraph(graph, work) },
  why: (work, node) => {
    const outcome = fold(node, work)
    const returned = isConstantNode(node) && node.outputs.some((output) => output.isGraphOutput)
    if (returned) return [{ rule: 'fold', fires: false, why: `${node.label} makes an output of the graph` }]
    return [{ rule: 'fold', fires: 'tensors' in outcome, why: 'why' in outcome ? outcome.why : 'all its inputs are constant' }]
  },
})
