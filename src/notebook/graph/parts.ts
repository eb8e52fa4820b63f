// A model as boxes and edges: what is drawn of an ONNX graph. Works on anything of the shape below, so that this room
// needs to know nothing of onnx/.
import { NotebookError } from '../errors'
import { formatNumber } from '../text'

/** A value of a graph: a tensor between nodes. */
export interface ValueLike {
  readonly name: string
  readonly dtype?: string | undefined
  readonly shape?: readonly (number | string | null)[] | undefined
  /** The constant that it holds, if it is an initializer. */
  readonly tensor?: { readonly dtype: string, readonly shape: readonly number[] } | undefined
}

/** An operation. */
export interface NodeLike {
  readonly opType: string
  readonly domain: string
  readonly name: string
  readonly inputs: readonly (ValueLike | undefined)[]
  readonly outputs: readonly ValueLike[]
  readonly attributes: ReadonlyMap<string, unknown>
  readonly subgraphs?: readonly GraphLike[]
}

/** A graph of the library's ONNX representation, as far as it is drawn. */
export interface GraphLike {
  readonly inputs: readonly ValueLike[]
  readonly outputs: readonly ValueLike[]
  readonly nodes: readonly NodeLike[]
}

/** A model, as far as it is drawn. */
export interface ModelLike {
  readonly graph: GraphLike
  readonly opsets?: ReadonlyMap<string, number>
}

/** One box. */
export interface Box {
  readonly kind: 'input' | 'output' | 'node' | 'group'
  readonly title: string
  /** Below the title: shapes of the constants inside, attributes. */
  readonly lines: readonly string[]
  readonly tooltip: string
  readonly family: Family
  /** The nodes that it stands for. */
  readonly nodes: readonly NodeLike[]
}

/** An arrow from box to box. */
export interface Edge {
  readonly from: number
  readonly to: number
  /** The shape that flows. */
  readonly label: string
  readonly tooltip: string
  /** Read by a graph inside the node, not by the node itself. */
  readonly inner: boolean
}

/** Boxes in topological order, and edges that only lead forward. */
export interface Parts {
  readonly boxes: readonly Box[]
  readonly edges: readonly Edge[]
}

/** What an operation is for; it decides the colour. */
export type Family = 'matrix' | 'activation' | 'normalize' | 'pool' | 'arithmetic' | 'layout' | 'quantize' | 'control' | 'other' | 'border'

const FAMILIES: Readonly<Record<Exclude<Family, 'other' | 'border'>, string>> = {
  matrix: 'Conv ConvTranspose ConvInteger QLinearConv Gemm MatMul MatMulInteger QLinearMatMul Einsum LSTM GRU RNN Attention '
    + 'DeformConv FusedConv FusedMatMul FusedGemm MultiHeadAttention QGemm MatMulNBits DynamicQuantizeMatMul',
  activation: 'Relu LeakyRelu PRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Tanh Gelu Softmax LogSoftmax Softplus '
    + 'Softsign Mish Swish Erf Clip ThresholdedRelu Hardmax FastGelu QuickGelu BiasGelu',
  normalize: 'BatchNormalization InstanceNormalization LayerNormalization GroupNormalization RMSNormalization LRN '
    + 'MeanVarianceNormalization LpNormalization Dropout SkipLayerNormalization SimplifiedLayerNormalization',
  pool: 'MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool MaxUnpool ReduceMean ReduceSum ReduceMax ReduceMin '
    + 'ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare ArgMax ArgMin TopK CumSum',
  arithmetic: 'Add Sub Mul Div Pow Sqrt Exp Log Neg Abs Reciprocal Min Max Mean Sum Mod Sin Cos Tan Floor Ceil Round Sign '
    + 'Equal Greater Less GreaterOrEqual LessOrEqual And Or Not Xor Where IsNaN IsInf',
  layout: 'Reshape Transpose Flatten Squeeze Unsqueeze Concat Split Slice Gather GatherElements GatherND Scatter '
    + 'ScatterElements ScatterND Pad Expand Tile Shape Size Cast CastLike Identity Constant ConstantOfShape Range Resize '
    + 'Upsample DepthToSpace SpaceToDepth OneHot NonZero EyeLike ReverseSequence',
  quantize: 'QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearAdd QLinearMul QLinearAveragePool QLinearSigmoid '
    + 'QLinearLeakyRelu QLinearConcat QLinearGlobalAveragePool BlockQuantize',
  control: 'If Loop Scan SequenceMap Optional OptionalGetElement SequenceAt SequenceConstruct SequenceInsert',
}

const FAMILY_OF: ReadonlyMap<string, Family> = new Map(
  Object.entries(FAMILIES).flatMap(([family, names]) => names.split(' ').map((name) => [name, family as Family] as const)))

/** Attributes worth a line in the box; the rest is in the tooltip. */
const SHOWN = ['kernel_shape', 'strides', 'pads', 'dilations', 'group', 'axis', 'axes', 'perm', 'transA', 'transB', 'to', 'mode', 'hidden_size']

/** Whether a value is a graph of the library, by its shape. */
export function isGraph(value: unknown): value is GraphLike {
  return typeof value === 'object' && value !== null && 'nodes' in value && Array.isArray(value.nodes)
    && 'inputs' in value && Array.isArray(value.inputs) && 'outputs' in value && Array.isArray(value.outputs)
    && 'initializers' in value && value.initializers instanceof Map
}

/** Whether a value is a model of the library, by its shape. */
export function isModel(value: unknown): value is ModelLike {
  return typeof value === 'object' && value !== null && 'graph' in value && 'opsets' in value && value.opsets instanceof Map
    && isGraph(value.graph)
}

/** `N×16×28×28`; nothing where nothing is known. */
export function shapeText(shape: readonly (number | string | null)[] | undefined): string {
  if (shape === undefined) return ''
  return shape.length === 0 ? 'scalar' : shape.map((size) => (size === null ? '?' : String(size))).join('×')
}

function valueText(value: ValueLike): string {
  const shape = shapeText(value.shape)
  return `${value.name === '' ? '(unnamed)' : value.name}: ${value.dtype ?? '?'}${shape === '' ? '' : ` ${shape}`}`
}

/** The value behind an attribute, whatever the representation wraps it in. */
function attributeText(attribute: unknown): string {
  const value: unknown = typeof attribute === 'object' && attribute !== null && 'value' in attribute ? attribute.value : attribute
  if (typeof value === 'number') return formatNumber(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return value.length > 40 ? `${value.slice(0, 39)}…` : value
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const list = Array.from(value as ArrayLike<unknown>)
    return `[${list.slice(0, 8).map(attributeText).join(', ')}${list.length > 8 ? ', …' : ''}]`
  }
  if (typeof value === 'object' && value !== null && 'shape' in value && Array.isArray(value.shape)) {
    const shape = value.shape as number[]
    if (shape.length === 0 && 'item' in value && typeof value.item === 'function') return `= ${attributeText((value.item as () => unknown)())}`
    return shapeText(shape)
  }
  if (isGraph(value)) return `graph of ${value.nodes.length} nodes`
  return '…'
}

/** Values that the graphs inside a node read from outside. */
function captured(node: NodeLike, into: Set<ValueLike> = new Set<ValueLike>()): Set<ValueLike> {
  for (const graph of node.subgraphs ?? []) {
    for (const inner of graph.nodes) {
      for (const input of inner.inputs) if (input) into.add(input)
      captured(inner, into)
    }
    for (const output of graph.outputs) into.add(output)
  }
  return into
}

/**
 * The boxes and edges of a graph: one box for each input, node and output; initializers and Constant nodes are lines in
 * the boxes of the nodes that read them.
 *
 * @throws NotebookError `GRAPH_CYCLE` when the nodes are not in topological order
 */
export function partsOf(graph: GraphLike): Parts {
  const boxes: Box[] = []
  const edges: Edge[] = []
  /** The box that makes a value. */
  const maker = new Map<ValueLike, number>()
  const constants = new Map<ValueLike, NodeLike>()
  graph.inputs.forEach((value) => {
    // Before IR version 4 initializers were inputs too.
    if (value.tensor !== undefined) return
    maker.set(value, boxes.length)
    boxes.push({ kind: 'input', title: value.name, lines: [[value.dtype, shapeText(value.shape)].filter(Boolean).join(' ')],
      tooltip: `input ${valueText(value)}`, family: 'border', nodes: [] })
  })
  const connect = (value: ValueLike, to: number, inner = false): void => {
    const from = maker.get(value)
    if (from === undefined) return
    edges.push({ from, to, label: shapeText(value.shape), tooltip: valueText(value), inner })
  }
  const known = new Set<ValueLike>()
  for (const node of graph.nodes) for (const output of node.outputs) known.add(output)
  for (const node of graph.nodes) {
    if (node.opType === 'Constant' && node.inputs.length === 0) {
      for (const output of node.outputs) constants.set(output, node)
      continue
    }
    const index = boxes.length
    const lines: string[] = []
    node.inputs.forEach((value) => {
      if (value === undefined) return
      const constant = constants.get(value)
      if (value.tensor !== undefined) lines.push(`${last(value.name)} ${shapeText(value.tensor.shape)}`)
      else if (constant) lines.push(`${last(value.name)} ${attributeText([...constant.attributes.values()][0])}`)
      else if (!maker.has(value) && known.has(value)) {
        throw new NotebookError('GRAPH_CYCLE', 'The nodes of the graph are not in topological order', {
          where: `node "${node.name || node.opType}" reads ${value.name} before it is made`, fix: 'sort the graph first',
        })
      } else connect(value, index)
    })
    for (const value of captured(node)) if (!node.inputs.includes(value)) connect(value, index, true)
    for (const name of SHOWN) {
      const attribute = node.attributes.get(name)
      if (attribute !== undefined) lines.push(`${name} ${attributeText(attribute)}`)
    }
    for (const output of node.outputs) maker.set(output, index)
    boxes.push({
      kind: 'node', title: node.opType, lines: lines.length > 5 ? [...lines.slice(0, 4), `… ${lines.length - 4} more`] : lines,
      tooltip: [
        `${node.domain === '' ? '' : `${node.domain}.`}${node.opType}${node.name === '' ? '' : ` "${node.name}"`}`,
        ...node.inputs.map((value) => (value ? `in  ${valueText(value)}` : 'in  (none)')),
        ...node.outputs.map((value) => `out ${valueText(value)}`),
        ...[...node.attributes].map(([name, attribute]) => `${name} = ${attributeText(attribute)}`),
      ].join('\n'),
      family: FAMILY_OF.get(node.opType) ?? (node.subgraphs?.length ? 'control' : 'other'), nodes: [node],
    })
  }
  for (const value of graph.outputs) {
    connect(value, boxes.length)
    boxes.push({ kind: 'output', title: value.name, lines: [[value.dtype, shapeText(value.shape)].filter(Boolean).join(' ')],
      tooltip: `output ${valueText(value)}`, family: 'border', nodes: [] })
  }
  return { boxes, edges }
}

/** The last part of a name: `/layer1/conv/weight` → `weight`. */
function last(name: string): string {
  return name.split(/[/.:]/).filter((part) => part !== '').at(-1) ?? name
}
