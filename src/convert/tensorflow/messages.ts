// The messages of TensorFlow's files that a converter needs: graph.proto, node_def.proto, attr_value.proto, tensor.proto,
// function.proto, saved_model.proto, meta_graph.proto, tensor_bundle.proto. Read by the ONNX room's protobuf reader.
import { OnnxError } from '../../onnx'
import { readMessageOf } from '../../onnx/codec/reader'
import type { MessageOf } from '../../onnx/codec/messages'
import { ConvertError, type ConvertErrorCode } from '../errors'

/** Fields that are left out are kept as bytes and ignored. */
export const TF_MESSAGES = {
  SavedModel: { schemaVersion: [1, 'int64'], metaGraphs: [2, 'MetaGraph', true] },
  MetaGraph: { info: [1, 'MetaInfo'], graph: [2, 'GraphDef'], saver: [3, 'Saver'], signatures: [5, 'SignatureEntry', true] },
  MetaInfo: { tags: [4, 'string', true], version: [5, 'string'] },
  Saver: { filename: [1, 'string'], save: [2, 'string'], restore: [3, 'string'] },
  SignatureEntry: { key: [1, 'string'], value: [2, 'Signature'] },
  Signature: { inputs: [1, 'TensorInfoEntry', true], outputs: [2, 'TensorInfoEntry', true], method: [3, 'string'] },
  TensorInfoEntry: { key: [1, 'string'], value: [2, 'TensorInfo'] },
  TensorInfo: { name: [1, 'string'], dtype: [2, 'int32'], shape: [3, 'Shape'] },
  GraphDef: { node: [1, 'NodeDef', true], library: [2, 'Library'], versions: [4, 'Versions'] },
  Versions: { producer: [1, 'int32'] },
  Library: { function: [1, 'FunctionDef', true] },
  FunctionDef: { signature: [1, 'OpDef'], node: [3, 'NodeDef', true], ret: [4, 'NameEntry', true] },
  OpDef: { name: [1, 'string'], input: [2, 'ArgDef', true], output: [3, 'ArgDef', true] },
  ArgDef: { name: [1, 'string'], type: [3, 'int32'], typeAttr: [4, 'string'], numberAttr: [5, 'string'], typeListAttr: [6, 'string'] },
  NameEntry: { key: [1, 'string'], value: [2, 'string'] },
  NodeDef: { name: [1, 'string'], op: [2, 'string'], input: [3, 'string', true], device: [4, 'string'], attr: [5, 'AttrEntry', true] },
  AttrEntry: { key: [1, 'string'], value: [2, 'Attr'] },
  Attr: {
    list: [1, 'AttrList'], s: [2, 'bytes'], i: [3, 'int64'], f: [4, 'float'], b: [5, 'int32'], type: [6, 'int32'],
    shape: [7, 'Shape'], tensor: [8, 'Tensor'], func: [10, 'NameAttrs'],
  },
  NameAttrs: { name: [1, 'string'] },
  AttrList: {
    s: [2, 'bytes', true], i: [3, 'int64', true], f: [4, 'float', true], b: [5, 'int32', true], type: [6, 'int32', true],
    shape: [7, 'Shape', true],
  },
  Shape: { dim: [2, 'Dim', true], unknownRank: [3, 'int32'] },
  Dim: { size: [1, 'int64'], name: [2, 'string'] },
  Tensor: {
    dtype: [1, 'int32'], shape: [2, 'Shape'], content: [4, 'bytes'], halfVal: [13, 'packedVarint'], floatVal: [5, 'packed32'],
    doubleVal: [6, 'packed64'], intVal: [7, 'packedVarint'], stringVal: [8, 'bytes', true], int64Val: [10, 'packedVarint'],
    boolVal: [11, 'packedVarint'],
  },
  BundleHeader: { shards: [1, 'int32'], endianness: [2, 'int32'] },
  BundleEntry: {
    dtype: [1, 'int32'], shape: [2, 'Shape'], shard: [3, 'int32'], offset: [4, 'int64'], size: [5, 'int64'], crc: [6, 'packed32'],
    slices: [7, 'bytes', true],
  },
} as const

/** A decoded message of TensorFlow. */
export type TfMessage<N extends keyof typeof TF_MESSAGES> = MessageOf<typeof TF_MESSAGES, N>

const CODES: Readonly<Record<string, ConvertErrorCode>> = { ONNX_TRUNCATED: 'CONVERT_TRUNCATED', ONNX_LIMIT: 'CONVERT_LIMIT' }

/**
 * Decodes a message.
 *
 * @throws ConvertError `CONVERT_TRUNCATED`, `CONVERT_MALFORMED` or `CONVERT_LIMIT`, with the byte offset
 */
export function decode<N extends keyof typeof TF_MESSAGES>(name: N, bytes: Uint8Array, where: string): TfMessage<N> {
  try {
    return readMessageOf(TF_MESSAGES, name, bytes)
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause
    const { got } = cause.details
    throw new ConvertError(CODES[cause.code] ?? 'CONVERT_MALFORMED', cause.what, {
      ...(got === undefined ? {} : { got }), where: `${where}, ${cause.details.where ?? ''}`, fix: 'check that the file was copied completely, or save it again', cause,
    })
  }
}
