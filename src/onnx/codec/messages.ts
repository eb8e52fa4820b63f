// The messages of onnx.proto as one table: field name → [number, kind, repeated]. Reader and writer work from it, and the
// types of decoded messages follow from it. Fields that it leaves out (training info, device placement) are kept as bytes.

/**
 * Kinds of field. `packed*` holds a repeated number field as its undecoded payload, which for floats is already the
 * tensor's memory.
 */
export const MESSAGES = {
  Model: {
    irVersion: [1, 'int64'], producerName: [2, 'string'], producerVersion: [3, 'string'], domain: [4, 'string'],
    modelVersion: [5, 'int64'], docString: [6, 'string'], graph: [7, 'Graph'], opsetImport: [8, 'OperatorSet', true],
    metadata: [14, 'Entry', true], functions: [25, 'Function', true],
  },
  OperatorSet: { domain: [1, 'string'], version: [2, 'int64'] },
  Entry: { key: [1, 'string'], value: [2, 'string'] },
  Function: {
    name: [1, 'string'], input: [4, 'string', true], output: [5, 'string', true], attribute: [6, 'string', true],
    node: [7, 'Node', true], docString: [8, 'string'], opsetImport: [9, 'OperatorSet', true], domain: [10, 'string'],
    attributeProto: [11, 'Attribute', true], valueInfo: [12, 'ValueInfo', true], overload: [13, 'string'],
    metadata: [14, 'Entry', true],
  },
  Graph: {
    node: [1, 'Node', true], name: [2, 'string'], initializer: [5, 'Tensor', true], docString: [10, 'string'],
    input: [11, 'ValueInfo', true], output: [12, 'ValueInfo', true], valueInfo: [13, 'ValueInfo', true],
    quantization: [14, 'Quantization', true], sparseInitializer: [15, 'SparseTensor', true], metadata: [16, 'Entry', true],
  },
  Quantization: { tensorName: [1, 'string'], parameters: [2, 'Entry', true] },
  Node: {
    input: [1, 'string', true], output: [2, 'string', true], name: [3, 'string'], opType: [4, 'string'],
    attribute: [5, 'Attribute', true], docString: [6, 'string'], domain: [7, 'string'], overload: [8, 'string'],
    metadata: [9, 'Entry', true],
  },
  Attribute: {
    name: [1, 'string'], f: [2, 'float'], i: [3, 'int64'], s: [4, 'bytes'], t: [5, 'Tensor'], g: [6, 'Graph'],
    floats: [7, 'float', true], ints: [8, 'int64', true], strings: [9, 'bytes', true], tensors: [10, 'Tensor', true],
    graphs: [11, 'Graph', true], docString: [13, 'string'], tp: [14, 'Type'], typeProtos: [15, 'Type', true],
    type: [20, 'int32'], refAttrName: [21, 'string'], sparseTensor: [22, 'SparseTensor'], sparseTensors: [23, 'SparseTensor', true],
  },
  ValueInfo: { name: [1, 'string'], type: [2, 'Type'], docString: [3, 'string'], metadata: [4, 'Entry', true] },
  Type: {
    tensor: [1, 'TensorType'], sequence: [4, 'ContainerType'], map: [5, 'MapType'], denotation: [6, 'string'],
    opaque: [7, 'OpaqueType'], sparse: [8, 'TensorType'], optional: [9, 'ContainerType'],
  },
  TensorType: { elemType: [1, 'int32'], shape: [2, 'Shape'] },
  ContainerType: { elemType: [1, 'Type'] },
  MapType: { keyType: [1, 'int32'], valueType: [2, 'Type'] },
  OpaqueType: { domain: [1, 'string'], name: [2, 'string'] },
  Shape: { dim: [1, 'Dimension', true] },
  Dimension: { value: [1, 'int64'], param: [2, 'string'], denotation: [3, 'string'] },
  Tensor: {
    dims: [1, 'int64', true], dataType: [2, 'int32'], segment: [3, 'Segment'], floatData: [4, 'packed32'],
    int32Data: [5, 'packedVarint'], stringData: [6, 'bytes', true], int64Data: [7, 'packedVarint'], name: [8, 'string'],
    rawData: [9, 'bytes'], doubleData: [10, 'packed64'], uint64Data: [11, 'packedVarint'], docString: [12, 'string'],
    externalData: [13, 'Entry', true], dataLocation: [14, 'int32'], metadata: [16, 'Entry', true],
  },
  Segment: { begin: [1, 'int64'], end: [2, 'int64'] },
  SparseTensor: { values: [1, 'Tensor'], indices: [2, 'Tensor'], dims: [3, 'int64', true] },
} as const

/** Messages by name, each with its fields: field name → [number, kind or name of a message, repeated]. */
export type MessageTable = Readonly<Record<string, Readonly<Record<string, readonly [number, string, true?]>>>>

/** Names of messages. */
export type MessageName = keyof typeof MESSAGES

interface Scalars {
  int32: number
  int64: number | bigint
  float: number
  string: string
  bytes: Uint8Array
  packed32: Uint8Array
  packed64: Uint8Array
  packedVarint: Uint8Array
}

/** Kinds of field that are no messages. */
export type ScalarKind = keyof Scalars

type FieldValue<T extends MessageTable, K> = K extends ScalarKind ? Scalars[K] : K extends keyof T ? MessageOf<T, K> : never

/** A decoded message of a table: a property for each field that is present, and the bytes of unknown ones. */
export type MessageOf<T extends MessageTable, N extends keyof T> = {
  -readonly [F in keyof T[N]]?: T[N][F] extends readonly [number, infer K, true]
    ? FieldValue<T, K>[]
    : T[N][F] extends readonly [number, infer K] ? FieldValue<T, K> : never
} & { unknown?: Uint8Array }

/** A decoded message of ONNX. */
export type Message<N extends MessageName> = MessageOf<typeof MESSAGES, N>

/** A field as reader and writer use it. */
export interface Field {
  readonly name: string
  readonly number: number
  readonly repeated: boolean
  readonly kind: ScalarKind | 'message'
  /** Of the message, when `kind` says so. */
  readonly layout: Layout | undefined
  readonly wireType: 0 | 1 | 2 | 5
}

/** The fields of a message, by number and in order of number. */
export interface Layout {
  readonly name: string
  readonly byNumber: (Field | undefined)[]
  readonly fields: Field[]
}

const WIRE_TYPES: Readonly<Record<ScalarKind, 0 | 1 | 2 | 5>> = {
  int32: 0, int64: 0, float: 5, string: 2, bytes: 2, packed32: 5, packed64: 1, packedVarint: 0,
}

const layouts = new WeakMap<MessageTable, Map<string, Layout>>()

/** The compiled layout of a message of a table. */
export function layoutIn(table: MessageTable, name: string): Layout {
  let known = layouts.get(table)
  if (known === undefined) layouts.set(table, known = new Map<string, Layout>())
  const found = known.get(name)
  if (found !== undefined) return found
  const layout: Layout = { name, byNumber: [], fields: [] }
  known.set(name, layout)
  for (const [field, [number, kind, repeated]] of Object.entries(table[name] ?? {})) {
    const inner = kind in table ? layoutIn(table, kind) : undefined
    const compiled: Field = {
      name: field, number, repeated: repeated === true, layout: inner,
      kind: inner === undefined ? (kind as ScalarKind) : 'message',
      wireType: inner === undefined ? WIRE_TYPES[kind as ScalarKind] : 2,
    }
    layout.byNumber[number] = compiled
    layout.fields.push(compiled)
  }
  layout.fields.sort((a, b) => a.number - b.number)
  return layout
}

/** The compiled layout of a message of ONNX. */
export function layoutOf(name: MessageName): Layout {
  return layoutIn(MESSAGES, name)
}
