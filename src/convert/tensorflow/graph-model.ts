// TensorFlow.js's graph models: the GraphDef as JSON, weights in binary shards, float16 or integers by scale where the
// converter made them small (tensorflowjs, "Web format conventions").
import path from 'node:path'
import { byteLength, elementCount, type DType } from '../../core'
import { Tensor } from '../../onnx'
import type { Input } from '../convert'
import { ConvertError } from '../errors'
import { Json } from '../json'
import { byteSource, parseJson } from '../source'
import { graphOf, type TfGraph } from './graph'
import type { Port } from './lower'
import type { TfMessage } from './messages'
import { dtypeOf, shapeOf } from './tensors'

/** Bytes of model.json: the graph only. */
const MAX_JSON_BYTES = 2 ** 28

const TYPE_NAMES: Readonly<Record<string, number>> = {
  DT_FLOAT: 1, DT_DOUBLE: 2, DT_INT32: 3, DT_UINT8: 4, DT_INT16: 5, DT_INT8: 6, DT_STRING: 7, DT_COMPLEX64: 8, DT_INT64: 9, DT_BOOL: 10, DT_QINT8: 11,
  DT_QUINT8: 12, DT_QINT32: 13, DT_BFLOAT16: 14, DT_QINT16: 15, DT_QUINT16: 16, DT_UINT16: 17, DT_HALF: 19, DT_RESOURCE: 20, DT_VARIANT: 21, DT_UINT32: 22, DT_UINT64: 23,
}

/** Whether a file is a model.json of TensorFlow.js, of the given kind. */
export function jsonModel(input: Input): Json | undefined {
  const { bytes, name } = input
  if (bytes === undefined || bytes.size < 2 || bytes.size > MAX_JSON_BYTES) return undefined
  const head = bytes.read(0, Math.min(64, bytes.size))
  if (Buffer.from(head).toString('latin1').trimStart()[0] !== '{') return undefined
  const json = new Json(parseJson(bytes.read(0, bytes.size), name, MAX_JSON_BYTES), path.basename(name))
  return json.has('modelTopology') || json.has('weightsManifest') ? json : undefined
}

/** Whether an input is a graph model of TensorFlow.js. */
export function isGraphModel(input: Input): boolean {
  const topology = jsonModel(input)?.maybe('modelTopology')
  return topology?.has('node') === true
}

/** The weights of a manifest by name, from the shards beside model.json. */
export function readWeights(json: Json, file: string): Map<string, Tensor> {
  const found = new Map<string, Tensor>()
  const folder = path.dirname(path.resolve(file))
  for (const group of json.maybe('weightsManifest')?.list ?? []) {
    const parts = group.get('paths').list.map((entry) => {
      const shard = path.resolve(folder, entry.text)
      if (path.relative(folder, shard).startsWith('..') || path.isAbsolute(entry.text)) {
        throw new ConvertError('CONVERT_UNSAFE', 'A shard lies outside the folder of the model', { got: entry.text, where: entry.where })
      }
      const source = byteSource(shard)
      try {
        return source.read(0, source.size)
      } finally {
        source.close()
      }
    })
    const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
    let at = 0
    for (const weight of group.get('weights').list) {
      const { tensor, length } = readWeight(weight, bytes, at)
      at += length
      found.set(weight.get('name').text, tensor)
    }
  }
  return found
}

const STORED: Readonly<Record<string, DType>> = { float32: 'float32', int32: 'int32', bool: 'bool', uint8: 'uint8', uint16: 'uint16', float16: 'float16', complex64: 'complex64', int64: 'int64' }

function readWeight(weight: Json, bytes: Uint8Array, at: number): { tensor: Tensor; length: number } {
  const name = weight.get('name').text
  const shape = weight.get('shape').list.map((size) => size.size)
  const dtype = weight.get('dtype').text
  const count = elementCount(shape)
  if (dtype === 'string') throw new ConvertError('CONVERT_DTYPE', 'A weight holds text', { where: weight.where, fix: 'do text before the model' })
  const small = weight.maybe('quantization')
  const stored = STORED[small?.get('dtype').text ?? dtype]
  if (stored === undefined) throw new ConvertError('CONVERT_DTYPE', 'A weight has an unknown element type', { got: small?.get('dtype').text ?? dtype, where: weight.where })
  const length = byteLength(stored, count)
  if (!Number.isSafeInteger(length) || at + length > bytes.byteLength) {
    throw new ConvertError('CONVERT_TRUNCATED', 'The shards end before the weights do', { expected: `${length} bytes for ${name} from ${at} on`, got: `${bytes.byteLength} bytes`, where: weight.where, fix: 'download all shards again' })
  }
  const view = bytes.subarray(at, at + length)
  if (small === undefined) return { tensor: Tensor.ofBytes(stored, shape, view), length }
  const numbers = Tensor.ofBytes(stored, shape, view).toArray() as ArrayLike<number>
  if (stored === 'float16') return { tensor: Tensor.from(Float32Array.from(numbers), shape), length }
  const [scale, low] = [small.get('scale').float, small.get('min').float]
  const values = Float32Array.from(numbers, (q) => q * scale + low)
  return { tensor: dtype === 'int32' ? Tensor.from(Int32Array.from(values, Math.round), shape) : Tensor.from(values, shape), length }
}

/** A 64-bit number that JSON carries as text. */
const whole = (json: Json | undefined): number => {
  if (json === undefined) return 0
  const value = Number(json.value)
  if (!Number.isInteger(value)) throw new ConvertError('CONVERT_MALFORMED', 'A part of the file has the wrong form', { expected: 'a whole number', got: String(json.value), where: json.where })
  return value
}

function shapeMessage(json: Json | undefined): TfMessage<'Shape'> {
  return { unknownRank: json?.maybe('unknownRank')?.bool === true ? 1 : 0, dim: (json?.maybe('dim')?.list ?? []).map((dim) => ({ size: whole(dim.maybe('size')) })) }
}

function typeCode(json: Json): number {
  if (typeof json.value === 'number') return json.int
  const code = TYPE_NAMES[json.text.replace(/_REF$/, '')]
  if (code === undefined) throw new ConvertError('CONVERT_DTYPE', 'An element type is not known', { got: json.text, where: json.where })
  return code
}

/** Bytes as base64, or as a list of numbers. */
const bytesOf = (json: Json): Uint8Array => (Array.isArray(json.value) ? Uint8Array.from(json.list, (byte) => byte.int) : Buffer.from(json.text, 'base64'))

function attrMessage(json: Json): TfMessage<'Attr'> {
  const out: TfMessage<'Attr'> = {}
  const [s, i, f, b, type, shape, func, list] = ['s', 'i', 'f', 'b', 'type', 'shape', 'func', 'list'].map((key) => json.maybe(key))
  if (s !== undefined) out.s = bytesOf(s)
  if (i !== undefined) out.i = whole(i)
  if (f !== undefined) out.f = f.float
  if (b !== undefined) out.b = b.bool ? 1 : 0
  if (type !== undefined) out.type = typeCode(type)
  if (shape !== undefined) out.shape = shapeMessage(shape)
  if (func !== undefined) out.func = { name: func.get('name').text }
  if (list !== undefined) {
    out.list = {
      s: (list.maybe('s')?.list ?? []).map(bytesOf), i: (list.maybe('i')?.list ?? []).map(whole), f: (list.maybe('f')?.list ?? []).map((x) => x.float),
      type: (list.maybe('type')?.list ?? []).map(typeCode), shape: (list.maybe('shape')?.list ?? []).map(shapeMessage),
    }
  }
  return out
}

function nodeMessage(node: Json, weights: ReadonlyMap<string, Tensor>): TfMessage<'NodeDef'> {
  const name = node.get('name').text
  const op = node.get('op').text
  const attr = (node.maybe('attr')?.entries ?? []).filter(([key]) => key !== 'value').map(([key, value]) => ({ key, value: attrMessage(value) }))
  const weight = op === 'Const' ? weights.get(name) : undefined
  if (op === 'Const' && weight === undefined) throw new ConvertError('CONVERT_WEIGHTS', 'A constant of the graph is not among the weights', { got: name, where: node.where })
  if (weight !== undefined) attr.push({ key: 'value', value: { tensor: tensorMessage(weight) } })
  return { name, op, input: (node.maybe('input')?.list ?? []).map((input) => input.text), attr }
}

const CODE_OF: Partial<Record<DType, number>> = { float32: 1, int32: 3, uint8: 4, bool: 10, uint16: 17, float16: 19, complex64: 8, int64: 9 }

const tensorMessage = (tensor: Tensor): TfMessage<'Tensor'> =>
  ({ dtype: CODE_OF[tensor.dtype] ?? 1, shape: { dim: tensor.shape.map((size) => ({ size })) }, content: tensor.bytes })

/** Reads a graph model: its graph with the weights in it, and its signature. */
export function readGraphModel(input: Input): { graph: TfGraph; inputs: Port[]; outputs: Port[]; version: string } {
  const json = jsonModel(input)
  if (json === undefined || input.path === undefined) {
    throw new ConvertError('CONVERT_FORMAT', 'A TensorFlow.js model is converted from its model.json file', { where: input.name, fix: 'give the path of model.json, with its shards beside it' })
  }
  const weights = readWeights(json, input.path)
  const topology = json.get('modelTopology')
  const functions = (topology.maybe('library')?.maybe('function')?.list ?? []).map((f): TfMessage<'FunctionDef'> => ({
    signature: {
      name: f.get('signature').get('name').text,
      input: (f.get('signature').maybe('inputArg')?.list ?? []).map((arg) => ({ name: arg.get('name').text })),
      output: (f.get('signature').maybe('outputArg')?.list ?? []).map((arg) => ({ name: arg.get('name').text })),
    },
    node: f.get('nodeDef').list.map((node) => nodeMessage(node, weights)),
    ret: (f.maybe('ret')?.entries ?? []).map(([key, value]) => ({ key, value: value.text })),
  }))
  const graph = graphOf({ node: topology.get('node').list.map((node) => nodeMessage(node, weights)), library: { function: functions } }, input.name)
  const signature = json.maybe('signature') ?? json.maybe('userDefinedMetadata')?.maybe('signature')
  const ports = (key: string): Port[] => (signature?.maybe(key)?.entries ?? []).map(([name, info]): Port => {
    const endpoint = graph.endpoint(info.maybe('name')?.text ?? name)
    const type = info.maybe('dtype')
    return {
      name: name.replace(/:0$/, ''), endpoint, dtype: type === undefined ? endpoint.node.dtype('dtype') : dtypeOf(typeCode(type), info.where),
      shape: endpoint.node.shape('shape') ?? shapeOf(shapeMessage(info.maybe('tensorShape'))),
    }
  })
  return { graph, inputs: ports('inputs'), outputs: ports('outputs'), version: json.maybe('generatedBy')?.text ?? json.maybe('format')?.text ?? '?' }
}
