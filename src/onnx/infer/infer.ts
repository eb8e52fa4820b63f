// Shape and type inference over a model: visits nodes in order, asks each operator's inference function, and merges the
// answers with what the model states. Also follows small constant tensors, because models compute shapes with them.
import { OnnxError } from '../errors'
import type { Attribute } from '../ir/attributes'
import type { Graph } from '../ir/graph'
import { DEFAULT_IR_VERSION, sameDomain, type FunctionDefinition, type Model } from '../ir/model'
import type { Node } from '../ir/node'
import { topologicalOrder } from '../ir/sort'
import type { Tensor } from '../ir/tensor'
import { formatType, tensorType, type Dim, type Type } from '../ir/types'
import type { Value } from '../ir/value'
import { schemaOf } from '../schema/schema'
import { InferContext, MAX_KNOWN_ELEMENTS, type InferHost, type KnownValue } from './context'
import { INFERENCE } from './table'

/** Functions that call functions. */
const MAX_CALL_DEPTH = 64

/** What inference found. */
export interface InferenceResult {
  /** Values whose type became known or more exact. */
  readonly changed: number
  /** Contradictions: inputs that an operator does not allow, stated types that are not so. */
  readonly problems: readonly OnnxError[]
  /** Elements that are known without running the model. */
  readonly known: ReadonlyMap<Value, KnownValue>
}

/**
 * Infers the types of all values of a model and writes them into the values. Sizes are numbers, symbols (`N`), or
 * expressions over them (`2*N`, `floor((H - 1)/(2)) + 1`). What a model states stays where it says more.
 *
 * @throws OnnxError `ONNX_CYCLE` when nodes depend on each other in a circle
 */
export function inferShapes(model: Model): InferenceResult {
  const engine = new Engine(model.opsets, model.functions, model.irVersion)
  engine.graph(model.graph)
  return engine.result()
}

/**
 * Inference for a graph under construction: call the result with each node as it is added. It throws the first
 * contradiction of a node.
 */
export function nodeInference(opsets: ReadonlyMap<string, number>, functions: readonly FunctionDefinition[] = []): (node: Node) => void {
  const engine = new Engine(opsets, functions, DEFAULT_IR_VERSION)
  return (node) => {
    engine.node(node)
    const [problem] = engine.takeProblems()
    if (problem !== undefined) throw problem
  }
}

/**
 * What two descriptions of one value say together; where both know a size, `stated` wins unless the other is a number.
 *
 * @throws OnnxError `ONNX_INFER` when they contradict each other
 */
export function mergeTypes(stated: Type | undefined, inferred: Type | undefined, where: string): Type | undefined {
  if (stated === undefined || stated.kind === 'unknown') return inferred ?? stated
  if (inferred === undefined || inferred.kind === 'unknown') return stated
  const conflict = (): never => {
    throw new OnnxError('ONNX_INFER', 'A value has another type than its operator gives it', {
      expected: formatType(inferred), got: formatType(stated), where,
    })
  }
  switch (stated.kind) {
    case 'tensor':
    case 'sparse': {
      if (inferred.kind !== stated.kind) return conflict()
      if (stated.dtype !== undefined && inferred.dtype !== undefined && stated.dtype !== inferred.dtype) return conflict()
      const { shape: a } = stated
      const { shape: b } = inferred
      if (a !== undefined && b !== undefined && a.length !== b.length) return conflict()
      const shape = a === undefined ? b : b === undefined ? a : a.map((dim, i) => {
        const other = b[i] ?? null
        if (typeof dim === 'number' && typeof other === 'number' && dim !== other) conflict()
        return typeof dim === 'number' ? dim : typeof other === 'number' ? other : (dim ?? other)
      })
      const dtype = stated.dtype ?? inferred.dtype
      return { ...stated, ...(dtype === undefined ? {} : { dtype }), ...(shape === undefined ? {} : { shape }) }
    }
    case 'sequence':
    case 'optional': {
      if (inferred.kind !== stated.kind) return conflict()
      const element = mergeTypes(stated.element, inferred.element, where)
      return { ...stated, ...(element === undefined ? {} : { element }) }
    }
    default:
      return inferred.kind === stated.kind ? stated : conflict()
  }
}

/** What is known inside the body of a function during one call of it. */
interface Call {
  readonly types: Map<Value, Type>
  readonly attributes: ReadonlyMap<string, Attribute>
  readonly opsets: ReadonlyMap<string, number>
}

class Engine implements InferHost {
  private changed = 0
  private readonly problems: OnnxError[] = []
  private readonly known = new Map<Value, KnownValue | null>()
  private readonly calls: Call[] = []

  constructor(
    private readonly opsets: ReadonlyMap<string, number>,
    private readonly functions: readonly FunctionDefinition[],
    private readonly irVersion: number,
  ) {}

  result(): InferenceResult {
    const known = new Map<Value, KnownValue>()
    for (const [value, elements] of this.known) if (elements !== null) known.set(value, elements)
    return { changed: this.changed, problems: this.problems, known }
  }

  takeProblems(): OnnxError[] {
    return this.problems.splice(0)
  }

  graph(graph: Graph): void {
    for (const node of topologicalOrder(graph)) this.node(node)
    graph.outputs.forEach((value, i) => {
      const info = graph.outputInfo?.get(i)
      if (info === undefined) return
      this.guard(graph.name, () => {
        const merged = mergeTypes(info.declaredType, this.read(value), `output ${value.name} of graph ${graph.name}`)
        if (merged !== undefined) info.declaredType = merged
      })
    })
  }

  node(node: Node): void {
    this.guard(node.label, () => {
      const opsets = this.calls.at(-1)?.opsets ?? this.opsets
      const called = this.functions.find((f) => f.name === node.opType && sameDomain(f.domain, node.domain) && f.overload === node.overload)
      if (called !== undefined) {
        this.call(node, called)
        return
      }
      const version = opsets.get(node.domain) ?? (sameDomain(node.domain, '') ? (opsets.get('') ?? opsets.get('ai.onnx')) : undefined)
      const schema = version === undefined ? undefined : schemaOf(node.opType, version, node.domain)
      const infer = schema === undefined ? undefined : INFERENCE[schema.domain]?.[schema.name]
      if (schema === undefined || infer === undefined) {
        for (const graph of node.subgraphs) this.inferGraph(graph, [])
        return
      }
      const context = new InferContext(node, schema, this)
      infer(context)
      node.outputs.forEach((output, i) => {
        this.write(output, context.types[i], node)
        const known = context.known[i]
        if (known !== undefined && known.elements.length <= MAX_KNOWN_ELEMENTS && this.calls.length === 0) this.known.set(output, known)
      })
    })
  }

  typeOf(node: Node, index: number): Type | undefined {
    const value = node.inputs[index]
    return value === undefined ? undefined : this.read(value)
  }

  knownOf(node: Node, index: number): KnownValue | undefined {
    const value = node.inputs[index]
    if (value === undefined) return undefined
    let found = this.known.get(value)
    if (found === undefined) {
      found = fromTensor(this.constant(value)) ?? null
      this.known.set(value, found)
    }
    return found ?? undefined
  }

  tensorOf(node: Node, index: number): Tensor | undefined {
    const value = node.inputs[index]
    return value === undefined ? undefined : this.constant(value)
  }

  attributeOf(node: Node, name: string): Attribute | undefined {
    const found = node.attributes.get(name)
    return found?.kind === 'reference' ? this.calls.at(-1)?.attributes.get(found.name) : found
  }

  inferGraph(graph: Graph, inputs: readonly (Type | undefined)[]): (Type | undefined)[] {
    graph.inputs.forEach((value, i) => { this.write(value, inputs[i], undefined) })
    this.graph(graph)
    return graph.outputs.map((value) => this.read(value))
  }

  private call(node: Node, f: FunctionDefinition): void {
    if (this.calls.length >= MAX_CALL_DEPTH) {
      throw new OnnxError('ONNX_LIMIT', 'Functions call each other too deeply', { where: `function ${f.name}` })
    }
    const attributes = new Map(f.defaults)
    for (const name of node.attributes.keys()) {
      const value = this.attributeOf(node, name)
      if (value !== undefined) attributes.set(name, value)
    }
    const types = new Map<Value, Type>()
    f.body.inputs.forEach((input, i) => {
      const type = this.typeOf(node, i)
      if (type !== undefined) types.set(input, type)
    })
    this.calls.push({ types, attributes, opsets: f.opsets })
    let outputs: (Type | undefined)[]
    try {
      for (const inner of topologicalOrder(f.body)) this.node(inner)
      outputs = f.body.outputs.map((value) => this.read(value))
    } finally {
      this.calls.pop()
    }
    node.outputs.forEach((output, i) => { this.write(output, outputs[i], node) })
  }

  private read(value: Value): Type | undefined {
    return this.calls.at(-1)?.types.get(value) ?? value.type
  }

  private write(value: Value, type: Type | undefined, node: Node | undefined): void {
    if (type === undefined) return
    const where = node === undefined ? `value "${value.name}"` : `output "${value.name}" of node ${node.label}`
    const before = this.read(value)
    const merged = mergeTypes(before, type, where)
    if (merged === undefined) return
    const call = this.calls.at(-1)
    if (call !== undefined) call.types.set(value, merged)
    else if (before === undefined || formatType(before) !== formatType(merged)) {
      value.declaredType = merged
      this.changed++
    }
  }

  private constant(value: Value): Tensor | undefined {
    if (value.tensor !== undefined) return value.isGraphInput && this.irVersion >= 4 ? undefined : value.tensor
    const made = value.producer
    return made?.opType === 'Constant' && sameDomain(made.domain, '') ? made.get('value', 'tensor') : undefined
  }

  private guard(where: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof OnnxError) || error.code === 'ONNX_CYCLE' || error.code === 'ONNX_LIMIT') throw error
      this.problems.push(error.details.where === undefined ? new OnnxError(error.code, error.what, { ...error.details, where }) : error)
    }
  }
}

function fromTensor(tensor: Tensor | undefined): KnownValue | undefined {
  if (tensor === undefined || tensor.size > MAX_KNOWN_ELEMENTS || tensor.dtype === 'string' || tensor.dtype.startsWith('complex')) return undefined
  if (tensor.source !== undefined) {
    try {
      return { shape: tensor.shape, elements: tensor.numbers() }
    } catch {
      return undefined // External data that is not there: its numbers are unknown, nothing else.
    }
  }
  return { shape: tensor.shape, elements: tensor.numbers() }
}

/** The type of a tensor of `shape`: for tables of inference functions. */
export function typeOfShape(shape: readonly Dim[]): Type {
  return tensorType(undefined, shape)
}
