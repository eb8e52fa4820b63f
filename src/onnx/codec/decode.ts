// Protobuf messages → the IR. Names are resolved to values here: in the graph itself, then in the graphs around it.
// A name that nothing defines becomes a value without origin, for the validator to report.
import { OnnxError } from '../errors'
import type { Attribute, AttributeKind } from '../ir/attributes'
import { Graph } from '../ir/graph'
import { FunctionDefinition, Model } from '../ir/model'
import { Node } from '../ir/node'
import { Value } from '../ir/value'
import { attributeKindOfCode } from './codes'
import { copyNotes, decodeEntries, decodeSparse, decodeTensor, decodeType, type ExternalResolver } from './decode-parts'
import type { Message } from './messages'

interface Scope {
  readonly values: Map<string, Value>
  readonly outer: Scope | undefined
}

/** Builds the model that a message describes. */
export function decodeModel(message: Message<'Model'>, external: ExternalResolver): Model {
  if (message.graph === undefined) {
    throw new OnnxError('ONNX_MALFORMED', 'The file holds no graph', { expected: 'a ModelProto', fix: 'check that the file is an ONNX model' })
  }
  const decoder = new Decoder(external)
  const model = new Model(decoder.graph(message.graph, undefined), {
    opsets: decodeOpsets(message.opsetImport),
    irVersion: Number(message.irVersion ?? 0),
    functions: (message.functions ?? []).map((f) => decoder.function(f)),
    metadata: decodeEntries(message.metadata),
    ...(message.producerName === undefined ? {} : { producerName: message.producerName }),
    ...(message.producerVersion === undefined ? {} : { producerVersion: message.producerVersion }),
    ...(message.domain === undefined ? {} : { domain: message.domain }),
    ...(message.modelVersion === undefined ? {} : { modelVersion: message.modelVersion }),
    ...(message.docString === undefined ? {} : { docString: message.docString }),
  })
  if (message.unknown !== undefined) model.unknown = message.unknown
  return model
}

function decodeOpsets(entries: readonly Message<'OperatorSet'>[] | undefined): Map<string, number> {
  return new Map(entries?.map((entry) => [entry.domain ?? '', Number(entry.version ?? 0)]))
}

class Decoder {
  constructor(private readonly external: ExternalResolver) {}

  graph(message: Message<'Graph'>, outer: Scope | undefined): Graph {
    const graph = new Graph(message.name ?? '')
    copyNotes(message, graph)
    const scope: Scope = { values: new Map(), outer }
    for (const info of message.input ?? []) graph.addInput(this.describe(this.define(scope, info.name ?? ''), info))
    for (const tensor of message.initializer ?? []) {
      const decoded = decodeTensor(tensor, this.external)
      graph.addInitializer(this.initialized(graph, scope, tensor.name ?? ''), decoded)
    }
    for (const tensor of message.sparseInitializer ?? []) {
      graph.addInitializer(this.initialized(graph, scope, tensor.values?.name ?? ''), decodeSparse(tensor, this.external))
    }
    this.nodes(graph, message.node ?? [], scope)
    for (const info of message.valueInfo ?? []) {
      const value = scope.values.get(info.name ?? '')
      if (value === undefined || value.declaredType !== undefined) graph.strayInfo.push(this.describe(new Value(info.name), info))
      else this.describe(value, info)
    }
    const outputs = message.output ?? []
    graph.setOutputs(outputs.map((info) => this.resolve(scope, info.name ?? '')))
    graph.outputs.forEach((value, i) => {
      const info = outputs[i]
      if (info === undefined) return
      // A value made by a node takes its type from the output; one that has a type already keeps both where they differ.
      if (value.graph === graph && value.producer !== undefined && graph.outputs.indexOf(value) === i) {
        this.describe(value, info)
      } else (graph.outputInfo ??= new Map()).set(i, this.describe(new Value(info.name), info))
    })
    for (const annotation of message.quantization ?? []) {
      const parameters = new Map<string, Value>()
      for (const entry of annotation.parameters ?? []) parameters.set(entry.key ?? '', this.resolve(scope, entry.value ?? ''))
      graph.quantization.push({
        value: this.resolve(scope, annotation.tensorName ?? ''), parameters,
        ...(annotation.unknown === undefined ? {} : { unknown: annotation.unknown }),
      })
    }
    return graph
  }

  function(message: Message<'Function'>): FunctionDefinition {
    const body = new Graph(message.name ?? '')
    const scope: Scope = { values: new Map(), outer: undefined }
    for (const name of message.input ?? []) body.addInput(this.define(scope, name))
    this.nodes(body, message.node ?? [], scope)
    for (const info of message.valueInfo ?? []) {
      const value = scope.values.get(info.name ?? '')
      if (value === undefined) body.strayInfo.push(this.describe(new Value(info.name), info))
      else this.describe(value, info)
    }
    body.setOutputs((message.output ?? []).map((name) => this.resolve(scope, name)))
    const made = new FunctionDefinition(message.domain ?? '', message.name ?? '', body, decodeOpsets(message.opsetImport))
    made.overload = message.overload ?? ''
    made.requiredAttributes = message.attribute ?? []
    for (const attribute of message.attributeProto ?? []) made.defaults.set(attribute.name ?? '', this.attribute(attribute, scope))
    copyNotes(message, made)
    return made
  }

  private nodes(graph: Graph, messages: readonly Message<'Node'>[], scope: Scope): void {
    // Outputs first: a node may stand before the one that it reads from, which the validator then reports.
    const outputs = messages.map((node) => (node.output ?? []).map((name) => (name === '' ? new Value('') : this.define(scope, name))))
    messages.forEach((message, i) => {
      const inputs = (message.input ?? []).map((name) => (name === '' ? undefined : this.resolve(scope, name)))
      const node = new Node(message.opType ?? '', inputs, outputs[i] ?? [])
      if (message.name !== undefined) node.name = message.name
      if (message.domain !== undefined) node.domain = message.domain
      if (message.overload !== undefined) node.overload = message.overload
      copyNotes(message, node)
      for (const attribute of message.attribute ?? []) {
        const name = attribute.name ?? ''
        if (node.attributes.has(name)) {
          throw new OnnxError('ONNX_MALFORMED', `A node has the attribute ${name} twice`, { where: `graph ${graph.name}, node ${node.label}` })
        }
        node.setAttribute(name, this.attribute(attribute, scope))
      }
      graph.append(node)
    })
  }

  private attribute(message: Message<'Attribute'>, scope: Scope): Attribute {
    const kind = attributeKindOfCode(message.type ?? 0) ?? guessKind(message)
    const extras = {
      ...(message.docString === undefined ? {} : { docString: message.docString }),
      ...(message.unknown === undefined ? {} : { unknown: message.unknown }),
    }
    if (message.refAttrName !== undefined && message.refAttrName !== '') {
      return { kind: 'reference', name: message.refAttrName, of: kind, ...extras }
    }
    switch (kind) {
      case 'float':
        return { kind, value: message.f ?? 0, ...extras }
      case 'int':
        return { kind, value: message.i ?? 0, ...extras }
      case 'string':
      case 'bytes': {
        const bytes = message.s ?? new Uint8Array(0)
        const text = asText(bytes)
        return text === undefined ? { kind: 'bytes', value: bytes, ...extras } : { kind: 'string', value: text, ...extras }
      }
      case 'tensor':
        return { kind, value: decodeTensor(message.t ?? {}, this.external), ...extras }
      case 'graph':
        return { kind, value: this.graph(message.g ?? {}, scope), ...extras }
      case 'sparse':
        return { kind, value: decodeSparse(message.sparseTensor ?? {}, this.external), ...extras }
      case 'type':
        return { kind, value: decodeType(message.tp ?? {}), ...extras }
      case 'floats':
        return { kind, value: message.floats ?? [], ...extras }
      case 'ints':
        return { kind, value: message.ints ?? [], ...extras }
      case 'strings':
      case 'bytesList': {
        const list = message.strings ?? []
        const texts = list.map(asText)
        return texts.every((text) => text !== undefined)
          ? { kind: 'strings', value: texts, ...extras }
          : { kind: 'bytesList', value: list, ...extras }
      }
      case 'tensors':
        return { kind, value: (message.tensors ?? []).map((tensor) => decodeTensor(tensor, this.external)), ...extras }
      case 'graphs':
        return { kind, value: (message.graphs ?? []).map((graph) => this.graph(graph, scope)), ...extras }
      case 'sparses':
        return { kind, value: (message.sparseTensors ?? []).map((tensor) => decodeSparse(tensor, this.external)), ...extras }
      case 'types':
        return { kind, value: (message.typeProtos ?? []).map(decodeType), ...extras }
    }
  }

  private describe(value: Value, info: Message<'ValueInfo'>): Value {
    if (info.type !== undefined) value.declaredType = decodeType(info.type)
    copyNotes(info, value)
    return value
  }

  /** A new value of this name. A second one of the same name does not hide the first: the validator reports it. */
  private define(scope: Scope, name: string): Value {
    const value = new Value(name)
    if (!scope.values.has(name)) scope.values.set(name, value)
    return value
  }

  private initialized(graph: Graph, scope: Scope, name: string): Value {
    const known = scope.values.get(name)
    return known !== undefined && graph.hasInput(known) && known.tensor === undefined ? known : this.define(scope, name)
  }

  private resolve(scope: Scope, name: string): Value {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
      const found = at.values.get(name)
      if (found !== undefined) return found
    }
    return this.define(scope, name)
  }
}

function guessKind(message: Message<'Attribute'>): AttributeKind {
  if (message.f !== undefined) return 'float'
  if (message.i !== undefined) return 'int'
  if (message.s !== undefined) return 'string'
  if (message.t !== undefined) return 'tensor'
  if (message.g !== undefined) return 'graph'
  if (message.floats !== undefined) return 'floats'
  if (message.ints !== undefined) return 'ints'
  if (message.strings !== undefined) return 'strings'
  if (message.sparseTensor !== undefined) return 'sparse'
  if (message.tp !== undefined) return 'type'
  if (message.tensors !== undefined) return 'tensors'
  if (message.graphs !== undefined) return 'graphs'
  throw new OnnxError('ONNX_MALFORMED', `The attribute ${message.name ?? ''} has neither a type nor a value`)
}

function asText(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  return text.includes('\ufffd') && !Buffer.from(text, 'utf8').equals(buffer) ? undefined : text
}
