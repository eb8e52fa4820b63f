// The IR → protobuf messages. Weights are passed on as they lie in memory.
import { DTYPES } from '../../core'
import type { Attribute } from '../ir/attributes'
import type { Graph, OutputInfo } from '../ir/graph'
import type { FunctionDefinition, Model } from '../ir/model'
import type { Node } from '../ir/node'
import { unpackBits } from '../ir/numbers'
import type { SparseTensor, Tensor } from '../ir/tensor'
import type { Type, UnknownFields } from '../ir/types'
import type { Value } from '../ir/value'
import { ATTRIBUTE_CODES, DTYPE_CODES } from './codes'
import type { Message } from './messages'
import { Stored, writeVarints } from './writer'

/** Decides for a tensor whether it is stored outside the model file: the entries that refer to it, or undefined. */
export type ExternalPlan = (tensor: Tensor) => ReadonlyMap<string, string> | undefined

/** The message of a model. */
export function encodeModel(model: Model, plan: ExternalPlan): Message<'Model'> {
  return {
    irVersion: model.irVersion,
    ...optional('producerName', model.producerName), ...optional('producerVersion', model.producerVersion),
    ...optional('domain', model.domain), ...optional('modelVersion', model.modelVersion),
    ...optional('docString', model.docString), ...optional('unknown', model.unknown),
    opsetImport: encodeOpsets(model.opsets),
    graph: encodeGraph(model.graph, plan),
    functions: model.functions.map((f) => encodeFunction(f, plan)),
    metadata: encodeEntries(model.metadata),
  }
}

function optional<K extends string, T>(key: K, value: T | undefined): { [key in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: T })
}

interface Notes {
  docString?: string
  metadata?: Map<string, string>
  unknown?: UnknownFields
}

function notes(from: Notes): { docString?: string; metadata?: Message<'Entry'>[]; unknown?: UnknownFields } {
  return {
    ...optional('docString', from.docString), ...optional('unknown', from.unknown),
    ...(from.metadata === undefined ? {} : { metadata: encodeEntries(from.metadata) }),
  }
}

function encodeEntries(map: ReadonlyMap<string, string>): Message<'Entry'>[] {
  return [...map].map(([key, value]) => ({ key, value }))
}

function encodeOpsets(opsets: ReadonlyMap<string, number>): Message<'OperatorSet'>[] {
  return [...opsets].map(([domain, version]) => ({ domain, version }))
}

function encodeGraph(graph: Graph, plan: ExternalPlan): Message<'Graph'> {
  const told = new Set<Value>([...graph.inputs, ...graph.outputs.filter((value) => value.graph === graph)])
  const infos: Message<'ValueInfo'>[] = []
  for (const value of graph.values()) {
    if (told.has(value) || (value.declaredType === undefined && value.docString === undefined && value.metadata === undefined)) continue
    told.add(value)
    infos.push(encodeValue(value))
  }
  return {
    ...notes(graph),
    node: graph.nodes.map((node) => encodeNode(node, plan)),
    name: graph.name,
    initializer: [...graph.initializers].map(([value, tensor]) => encodeTensor(tensor, plan, value.name)),
    input: graph.inputs.map((value) => encodeValue(value)),
    output: graph.outputs.map((value, i) => encodeValue(value, graph.outputInfo?.get(i) ?? value)),
    valueInfo: [...infos, ...graph.strayInfo.map((value) => encodeValue(value))],
    quantization: graph.quantization.map((annotation) => ({
      tensorName: annotation.value.name,
      parameters: [...annotation.parameters].map(([key, value]) => ({ key, value: value.name })),
      ...optional('unknown', annotation.unknown),
    })),
    sparseInitializer: [...graph.sparseInitializers].map(([value, sparse]) => encodeSparse(sparse, plan, value.name)),
  }
}

function encodeFunction(f: FunctionDefinition, plan: ExternalPlan): Message<'Function'> {
  const infos = [...f.body.values()].filter((value) => value.declaredType !== undefined)
  return {
    ...notes(f),
    name: f.name, domain: f.domain,
    ...(f.overload === '' ? {} : { overload: f.overload }),
    input: f.body.inputs.map((value) => value.name),
    output: f.body.outputs.map((value) => value.name),
    attribute: f.requiredAttributes,
    attributeProto: [...f.defaults].map(([name, value]) => encodeAttribute(name, value, plan)),
    node: f.body.nodes.map((node) => encodeNode(node, plan)),
    opsetImport: encodeOpsets(f.opsets),
    valueInfo: [...infos, ...f.body.strayInfo].map((value) => encodeValue(value)),
  }
}

function encodeValue(value: Value, info: OutputInfo | Value = value): Message<'ValueInfo'> {
  const stated = info.declaredType ?? (info === value ? value.type : undefined)
  return { name: value.name, ...notes(info), ...(stated === undefined ? {} : { type: encodeType(stated) }) }
}

function encodeNode(node: Node, plan: ExternalPlan): Message<'Node'> {
  const message: Message<'Node'> = {
    input: node.inputs.map((value) => value?.name ?? ''),
    output: node.outputs.map((value) => value.name),
    opType: node.opType,
  }
  if (node.name !== '') message.name = node.name
  if (node.domain !== '') message.domain = node.domain
  if (node.overload !== '') message.overload = node.overload
  if (node.attributes.size > 0) message.attribute = [...node.attributes].map(([name, value]) => encodeAttribute(name, value, plan))
  if (node.docString !== undefined) message.docString = node.docString
  if (node.metadata !== undefined) message.metadata = encodeEntries(node.metadata)
  if (node.unknown !== undefined) message.unknown = node.unknown
  return message
}

function encodeAttribute(name: string, attribute: Attribute, plan: ExternalPlan): Message<'Attribute'> {
  const notesOf = { ...optional('docString', attribute.docString), ...optional('unknown', attribute.unknown) }
  if (attribute.kind === 'reference') {
    return { name, ...notesOf, type: ATTRIBUTE_CODES[attribute.of], refAttrName: attribute.name }
  }
  return { name, ...notesOf, type: ATTRIBUTE_CODES[attribute.kind], ...attributeField(attribute, plan) }
}

function attributeField(attribute: Exclude<Attribute, { kind: 'reference' }>, plan: ExternalPlan): Message<'Attribute'> {
  switch (attribute.kind) {
    case 'float':
      return { f: attribute.value }
    case 'int':
      return { i: attribute.value }
    case 'string':
      return { s: Buffer.from(attribute.value, 'utf8') }
    case 'bytes':
      return { s: attribute.value }
    case 'tensor':
      return { t: encodeTensor(attribute.value, plan) }
    case 'graph':
      return { g: encodeGraph(attribute.value, plan) }
    case 'sparse':
      return { sparseTensor: encodeSparse(attribute.value, plan) }
    case 'type':
      return { tp: encodeType(attribute.value) }
    case 'floats':
      return { floats: [...attribute.value] }
    case 'ints':
      return { ints: [...attribute.value] }
    case 'strings':
      return { strings: attribute.value.map((text) => Buffer.from(text, 'utf8')) }
    case 'bytesList':
      return { strings: [...attribute.value] }
    case 'tensors':
      return { tensors: attribute.value.map((tensor) => encodeTensor(tensor, plan)) }
    case 'graphs':
      return { graphs: attribute.value.map((graph) => encodeGraph(graph, plan)) }
    case 'sparses':
      return { sparseTensors: attribute.value.map((sparse) => encodeSparse(sparse, plan)) }
    case 'types':
      return { typeProtos: attribute.value.map(encodeType) }
  }
}

/** The message of a type. */
export function encodeType(type: Type): Message<'Type'> {
  const extras = { ...optional('denotation', type.denotation), ...optional('unknown', type.unknown) }
  switch (type.kind) {
    case 'tensor':
    case 'sparse': {
      const shape = type.shape?.map((dim, axis): Message<'Dimension'> => ({
        ...(dim === null ? {} : typeof dim === 'number' ? { value: dim } : { param: dim }),
        ...optional('denotation', type.axisDenotations?.[axis]),
      }))
      const tensor = {
        ...(type.dtype === undefined ? {} : { elemType: DTYPE_CODES[type.dtype] }),
        ...(shape === undefined ? {} : { shape: { dim: shape } }),
      }
      return type.kind === 'tensor' ? { tensor, ...extras } : { sparse: tensor, ...extras }
    }
    case 'sequence':
    case 'optional': {
      const inner = type.element === undefined ? {} : { elemType: encodeType(type.element) }
      return type.kind === 'sequence' ? { sequence: inner, ...extras } : { optional: inner, ...extras }
    }
    case 'map':
      return {
        map: {
          ...(type.key === undefined ? {} : { keyType: DTYPE_CODES[type.key] }),
          ...(type.value === undefined ? {} : { valueType: encodeType(type.value) }),
        },
        ...extras,
      }
    case 'opaque':
      return { opaque: { ...optional('domain', type.domain), ...optional('name', type.name) }, ...extras }
    case 'unknown':
      return extras
  }
}

/** The message of a tensor. */
export function encodeTensor(tensor: Tensor, plan: ExternalPlan, name: string | undefined = tensor.extras.name): Message<'Tensor'> {
  const message: Message<'Tensor'> = {
    ...notes(tensor.extras), dims: [...tensor.shape], dataType: DTYPE_CODES[tensor.dtype],
    ...(name === undefined || name === '' ? {} : { name }),
  }
  const entries = plan(tensor)
  if (entries !== undefined) return { ...message, externalData: encodeEntries(entries), dataLocation: 1 }
  if (tensor.dtype === 'string') return { ...message, stringData: [...tensor.strings] }
  if (tensor.extras.typedFields === true) return { ...message, ...typedField(tensor) }
  // The writer is the only reader of this message; what is in a file is read when it is written.
  const { source } = tensor
  return { ...message, rawData: source === undefined ? tensor.bytes : new Stored(source, tensor.byteLength) as unknown as Uint8Array }
}

function encodeSparse(sparse: SparseTensor, plan: ExternalPlan, name?: string): Message<'SparseTensor'> {
  return {
    values: encodeTensor(sparse.values, plan, name), indices: encodeTensor(sparse.indices, plan), dims: [...sparse.shape],
    ...optional('unknown', sparse.unknown),
  }
}

/** The field for the tensor's element type, as the model that it came from had it. */
function typedField(tensor: Tensor): Message<'Tensor'> {
  const { bytes, dtype, size } = tensor
  if (bytes.byteLength === 0) return {}
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes)
  const { buffer, byteOffset, byteLength } = aligned
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return { floatData: bytes }
    case 'float64':
    case 'complex128':
      return { doubleData: bytes }
    case 'int64':
      return { int64Data: writeVarints(new BigInt64Array(buffer, byteOffset, byteLength / 8)) }
    case 'uint64':
      return { uint64Data: writeVarints(new BigUint64Array(buffer, byteOffset, byteLength / 8)) }
    case 'uint32':
      return { uint64Data: writeVarints(BigUint64Array.from(new Uint32Array(buffer, byteOffset, byteLength / 4), BigInt)) }
    case 'int32':
      return { int32Data: writeVarints(new Int32Array(buffer, byteOffset, byteLength / 4)) }
    case 'int16':
      return { int32Data: writeVarints(Int32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2))) }
    case 'int8':
      return { int32Data: writeVarints(Int32Array.from(new Int8Array(buffer, byteOffset, byteLength))) }
    default: {
      const { bits } = DTYPES[dtype]
      const patterns = bits === 16 ? new Uint16Array(buffer, byteOffset, byteLength / 2) : bits === 6 ? unpackBits(bytes, 6, size) : bytes
      return { int32Data: writeVarints(Int32Array.from(patterns)) }
    }
  }
}
