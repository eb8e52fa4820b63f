// Where quantization goes: which operators compute in integers, which values carry QuantizeLinear and DequantizeLinear, and
// which share their parameters. The placement is the one that ONNX Runtime turns into integer kernels (its QDQ selectors,
// onnxruntime/core/optimizer/qdq_transformer): inputs and outputs of an operator quantized, activations folded away.
import type { Graph, Model, Node, Value } from '../../onnx'
import { constantOf, uniform } from '../constants'
import { opsetOf } from '../pass'
import { keyOf, layerOf, biasOf, type Layer } from './layers'

/** What becomes of a node. */
export interface Decision {
  readonly node: string
  readonly opType: string
  readonly quantized: boolean
  /** Why not, or how. */
  readonly why: string
}

/** Which nodes may be quantized: by operator, node name, or name of the first output. */
export interface Selection {
  /** Left in float. */
  readonly exclude?: readonly string[]
  /** When given, nothing else is quantized. */
  readonly include?: readonly string[]
}

/** What a Relu or Clip keeps its output to, and the value that is quantized after it. */
export interface Bounds {
  readonly low: number
  readonly high: number
  readonly value: Value
}

export interface Plan {
  readonly layers: readonly Layer[]
  /** Values with QuantizeLinear and DequantizeLinear, each with the value whose parameters it has. */
  readonly activations: ReadonlyMap<Value, Value>
  /** Relu and Clip that quantization of `value` does by saturating, and the bounds that they keep to. */
  readonly folded: ReadonlyMap<Node, Bounds>
  readonly decisions: readonly Decision[]
}

/** Operators that ONNX Runtime computes in integers when all their inputs and their output are quantized. */
const CONNECTORS: ReadonlySet<string> = new Set(['Add', 'Mul', 'AveragePool', 'GlobalAveragePool', 'Concat', 'LeakyRelu'])
/** Operators that move numbers or choose among them: the integers go through them as they are. */
const PASSING: ReadonlySet<string> = new Set([
  'MaxPool', 'Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather', 'DepthToSpace', 'SpaceToDepth', 'Identity',
])

/** Makes the plan of a model whose types are inferred. */
export function planOf(model: Model, selection: Selection = {}): Plan {
  return new Planner(model, selection).plan()
}

class Planner {
  private readonly graph: Graph
  private readonly layers: Layer[] = []
  private readonly products = new Set<Node>()
  private readonly decisions = new Map<Node, Decision>()
  private readonly activations = new Map<Value, Value>()
  private readonly folded = new Map<Node, Bounds>()
  /** Values that an integer operator reads. */
  private readonly needed = new Set<Value>()

  constructor(private readonly model: Model, private readonly selection: Selection) {
    this.graph = model.graph
  }

  plan(): Plan {
    for (const node of this.graph.nodes) this.linear(node)
    // An integer operator makes its output an integer, which may be all that the next one waits for.
    for (let grew = true; grew;) {
      grew = false
      for (const node of this.graph.nodes) {
        if (this.decisions.has(node)) continue
        if (CONNECTORS.has(node.opType) ? this.connect(node) : PASSING.has(node.opType) && this.pass(node)) grew = true
      }
    }
    for (const node of this.graph.nodes) this.product(node)
    for (const node of this.graph.nodes) if (this.decisions.get(node) === undefined) this.leave(node)
    for (const value of this.activations.keys()) this.activations.set(value, this.leader(value))
    return { layers: this.layers, activations: this.activations, folded: this.folded, decisions: [...this.decisions.values()] }
  }

  /** Why a person keeps this node in float. */
  private excluded(node: Node): string | undefined {
    const names = [node.opType, node.name, keyOf(node)]
    const { exclude, include } = this.selection
    if (exclude?.some((name) => names.includes(name))) return 'excluded'
    return include !== undefined && !include.some((name) => names.includes(name)) ? 'not included' : undefined
  }

  private decide(node: Node, quantized: boolean, why: string): void {
    this.decisions.set(node, { node: keyOf(node), opType: node.opType, quantized, why })
  }

  /** Conv, Gemm, MatMul with weights; MatMul of two activations. */
  private linear(node: Node): void {
    if (!['Conv', 'Gemm', 'MatMul'].includes(node.opType) || node.domain !== '') return
    const out = this.excluded(node)
    if (out !== undefined) { this.decide(node, false, out); return }
    const layer = layerOf(node)
    const [a, b] = node.inputs
    if (typeof layer === 'string') {
      const both = node.opType === 'MatMul' && [a, b].every((value) => value?.dtype === 'float32' && constantOf(value) === undefined)
      if (!both || a === undefined || b === undefined) { this.decide(node, false, layer); return }
      this.need(a)
      this.need(b)
      this.products.add(node)
      this.decide(node, true, 'both inputs in integers')
      return
    }
    const bias = node.opType === 'MatMul' ? undefined : biasOf(layer)
    if (typeof bias === 'string') { this.decide(node, false, bias); return }
    if (layer.input.dtype !== undefined && layer.input.dtype !== 'float32') { this.decide(node, false, `its input is ${layer.input.dtype}`); return }
    this.need(layer.input)
    this.layers.push(layer)
    this.decide(node, true, 'weights and inputs in integers')
    if (node.opType === 'Conv') this.give(this.result(node))
    else this.products.add(node)
  }

  /** The output of a product is quantized only for a reader that wants integers: else its 32-bit sums become floats at once. */
  private product(node: Node): void {
    if (!this.products.has(node)) return
    const result = this.result(node, true)
    if (this.needed.has(result)) this.give(this.result(node))
  }

  private connect(node: Node): boolean {
    if (this.excluded(node) !== undefined || node.domain !== '') return false
    const inputs = node.inputs.filter((value): value is Value => value !== undefined)
    if (inputs.length < node.inputs.length || inputs.some((value) => value.dtype !== 'float32' || !this.quantizable(value))) return false
    if (node.opType === 'AveragePool' && node.int('ceil_mode', 0) !== 0) return false
    for (const value of inputs) this.need(value)
    this.decide(node, true, 'inputs are integers already')
    this.give(this.result(node))
    return true
  }

  /** Whether a value is an integer already, or will be: an input or the output of an integer operator. */
  private quantizable(value: Value): boolean {
    if (this.activations.has(value)) return true
    let node = value.producer
    while (node !== undefined && boundsOf(node) !== undefined) node = node.inputs[0]?.producer
    return node !== undefined && this.products.has(node) && this.result(node, true) === value
  }

  private pass(node: Node): boolean {
    const [input] = node.inputs
    const [output, ...others] = node.outputs
    if (input === undefined || output === undefined || others.some((value) => value.name !== '') || this.excluded(node) !== undefined) return false
    if (output.dtype !== 'float32' || !this.activations.has(input)) return false
    if (node.opType === 'MaxPool' && opsetOf(this.model) < 12) return false
    if (!this.needed.has(output) && !this.wanted(output)) return false
    this.decide(node, true, 'the integers pass through')
    this.activations.set(output, this.leader(input))
    return true
  }

  /** Whether a reader of a value could go on in integers. */
  private wanted(value: Value): boolean {
    return [...value.consumers].some((node) => node.graph === this.graph && (CONNECTORS.has(node.opType) || PASSING.has(node.opType)) && this.excluded(node) === undefined
      && (!PASSING.has(node.opType) || node.outputs[0] !== undefined && (this.needed.has(node.outputs[0]) || this.wanted(node.outputs[0]))))
  }

  private leader(value: Value): Value {
    const next = this.activations.get(value) ?? value
    return next === value ? value : this.leader(next)
  }

  private need(value: Value): void {
    this.needed.add(value)
    if (constantOf(value) === undefined) this.give(value)
  }

  private give(value: Value): void {
    if (!this.activations.has(value)) this.activations.set(value, value)
  }

  /** The value that carries the result of a node: of the last Relu or Clip that is all that reads it, which saturation replaces. */
  private result(node: Node, look = false): Value {
    const found: [Node, { low: number; high: number }][] = []
    const [output] = node.outputs
    if (output === undefined) throw new TypeError(`${node.label} has no output`)
    let value: Value = output
    for (;;) {
      const readers: readonly Node[] = [...value.consumers]
      const [reader, ...others] = readers
      if (reader === undefined || others.length > 0 || value.isGraphOutput || reader.graph !== this.graph || reader.inputs[0] !== value) break
      const bounds = boundsOf(reader)
      const after: Value | undefined = reader.outputs[0]
      if (bounds === undefined || after === undefined) break
      found.push([reader, bounds])
      value = after
    }
    if (!look) {
      for (const [reader, bounds] of found) {
        if (this.decisions.has(reader)) continue
        this.folded.set(reader, { ...bounds, value })
        this.decide(reader, true, `done by the saturation of ${node.label}`)
      }
    }
    return value
  }

  private leave(node: Node): void {
    const why = this.excluded(node) ?? (CONNECTORS.has(node.opType) ? 'an input is not in integers'
      : PASSING.has(node.opType) ? 'no reader wants integers, or its input is none'
        : node.opType === 'Constant' ? 'a constant' : `${node.opType} has no integer kernel in ONNX Runtime, or gains nothing by it`)
    this.decide(node, false, why)
  }
}

/** The bounds that a Relu or Clip keeps its output to, when 0 is within them and they are constant. */
function boundsOf(node: Node): { low: number; high: number } | undefined {
  if (node.domain !== '') return undefined
  if (node.opType === 'Relu') return { low: 0, high: Infinity }
  if (node.opType !== 'Clip') return undefined
  const of = (index: number, otherwise: number): number | undefined =>
    node.inputs[index] === undefined ? otherwise : uniform(constantOf(node.inputs[index]))
  const [low, high] = [of(1, -Infinity), of(2, Infinity)]
  return low === undefined || high === undefined || low > 0 || high < 0 || node.attributes.size > 0 ? undefined : { low, high }
}
