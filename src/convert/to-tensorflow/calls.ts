// Kernels of TensorFlow.js as the calls that run them: what the printed form of a model is written with.

/** A recorded kernel, its arguments already written as code. */
export interface Written {
  /** Tensors by the names that the kernel gives them; a list where it takes several. */
  readonly input: (name: string, rank?: number) => string
  readonly all: () => string
  /** A number, list or text that the kernel is given, as code. */
  readonly attribute: (name: string) => string
  readonly given: (name: string) => unknown
}

type Call = (k: Written) => string

const unary = (name: string): Call => (k) => `tf.${name}(${k.input('x')})`
const binary = (name: string): Call => (k) => `tf.${name}(${k.input('a')}, ${k.input('b')})`
const reduction = (name: string, axis = 'axis', keep = true): Call => (k) =>
  `tf.${name}(${k.input('x')}, ${k.attribute(axis)}${keep && k.given('keepDims') === true ? ', true' : ''})`
const pool = (name: string, rank: 4 | 5): Call => (k) =>
  `tf.${name}(${k.input('x', rank)}, ${k.attribute('filterSize')}, ${k.attribute('strides')}, ${k.attribute('pad')}${k.given('dimRoundingMode') === undefined ? '' : `, ${k.attribute('dimRoundingMode')}`})`
const resize = (name: string): Call => (k) =>
  `tf.image.${name}(${k.input('images', 4)}, ${k.attribute('size')}, ${k.attribute('alignCorners')}, ${k.attribute('halfPixelCenters')})`

const named = (make: (name: string) => Call, names: Readonly<Record<string, string>>): [string, Call][] =>
  Object.entries(names).map(([kernel, name]) => [kernel, make(name)])

/** The call for each kernel that has one. */
export const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ...named(unary, {
    Abs: 'abs', Acos: 'acos', Acosh: 'acosh', Asin: 'asin', Asinh: 'asinh', Atan: 'atan', Atanh: 'atanh', Ceil: 'ceil', Cos: 'cos', Cosh: 'cosh',
    Elu: 'elu', Erf: 'erf', Exp: 'exp', Expm1: 'expm1', Floor: 'floor', Identity: 'clone', IsFinite: 'isFinite', IsInf: 'isInf', IsNan: 'isNaN',
    Log: 'log', Log1p: 'log1p', LogicalNot: 'logicalNot', Neg: 'neg', OnesLike: 'onesLike', Reciprocal: 'reciprocal', Relu: 'relu', Relu6: 'relu6',
    Round: 'round', Rsqrt: 'rsqrt', Selu: 'selu', Sigmoid: 'sigmoid', Sign: 'sign', Sin: 'sin', Sinh: 'sinh', Softplus: 'softplus', Sqrt: 'sqrt',
    Square: 'square', Tan: 'tan', Tanh: 'tanh', ZerosLike: 'zerosLike',
  }),
  ...named(binary, {
    Add: 'add', Atan2: 'atan2', Equal: 'equal', FloorDiv: 'floorDiv', Greater: 'greater', GreaterEqual: 'greaterEqual', Less: 'less', LessEqual: 'lessEqual',
    LogicalAnd: 'logicalAnd', LogicalOr: 'logicalOr', Maximum: 'maximum', Minimum: 'minimum', Mod: 'mod', Multiply: 'mul', NotEqual: 'notEqual',
    Pow: 'pow', RealDiv: 'div', SquaredDifference: 'squaredDifference', Sub: 'sub',
  }),
  ...named((name) => reduction(name), { All: 'all', Any: 'any', Mean: 'mean', Prod: 'prod', Sum: 'sum' }),
  ...named((name) => reduction(name, 'reductionIndices'), { Max: 'max', Min: 'min' }),
  ['Min', reduction('min')],
  ...named((name) => reduction(name, 'axis', false), { ArgMax: 'argMax', ArgMin: 'argMin' }),
  ['AddN', (k) => `tf.addN(${k.all()})`],
  ['Prelu', (k) => `tf.prelu(${k.input('x')}, ${k.input('alpha')})`],
  ['LeakyRelu', (k) => `tf.leakyRelu(${k.input('x')}, ${k.attribute('alpha')})`],
  ['Select', (k) => `tf.where(${k.input('condition')}, ${k.input('t')}, ${k.input('e')})`],
  ['Cast', (k) => `tf.cast(${k.input('x')}, ${k.attribute('dtype')})`],
  ['ClipByValue', (k) => `tf.clipByValue(${k.input('x')}, ${k.attribute('clipValueMin')}, ${k.attribute('clipValueMax')})`],
  ['Softmax', (k) => `tf.softmax(${k.input('logits')}, ${k.attribute('dim')})`],
  ['LogSoftmax', (k) => `tf.logSoftmax(${k.input('logits')}, ${k.attribute('axis')})`],
  ['BatchMatMul', (k) => `tf.matMul(${k.input('a')}, ${k.input('b')}${k.given('transposeA') === true || k.given('transposeB') === true ? `, ${k.attribute('transposeA')}, ${k.attribute('transposeB')}` : ''})`],
  ['Transpose', (k) => `tf.transpose(${k.input('x')}, ${k.attribute('perm')})`],
  ['Reshape', (k) => `tf.reshape(${k.input('x')}, ${k.attribute('shape')})`],
  ['ExpandDims', (k) => `tf.expandDims(${k.input('input')}, ${k.attribute('dim')})`],
  ['BroadcastTo', (k) => `tf.broadcastTo(${k.input('x')}, ${k.attribute('shape')})`],
  ['Concat', (k) => `tf.concat(${k.all()}, ${k.attribute('axis')})`],
  ['Pack', (k) => `tf.stack(${k.all()}, ${k.attribute('axis')})`],
  ['Unpack', (k) => `tf.unstack(${k.input('value')}, ${k.attribute('axis')})`],
  ['SplitV', (k) => `tf.split(${k.input('x')}, ${k.attribute('numOrSizeSplits')}, ${k.attribute('axis')})`],
  ['Slice', (k) => `tf.slice(${k.input('x')}, ${k.attribute('begin')}, ${k.attribute('size')})`],
  ['StridedSlice', (k) => `tf.stridedSlice(${['begin', 'end', 'strides', 'beginMask', 'endMask', 'ellipsisMask', 'newAxisMask', 'shrinkAxisMask'].reduce((text, name) => `${text}, ${k.attribute(name)}`, k.input('x'))})`],
  ['GatherV2', (k) => `tf.gather(${k.input('x')}, ${k.input('indices')}, ${k.attribute('axis')}${k.given('batchDims') === 0 || k.given('batchDims') === undefined ? '' : `, ${k.attribute('batchDims')}`})`],
  ['GatherNd', (k) => `tf.gatherND(${k.input('params')}, ${k.input('indices')})`],
  ['ScatterNd', (k) => `tf.scatterND(${k.input('indices')}, ${k.input('updates')}, ${k.attribute('shape')})`],
  ['Tile', (k) => `tf.tile(${k.input('x')}, ${k.attribute('reps')})`],
  ['Reverse', (k) => `tf.reverse(${k.input('x')}, ${k.attribute('dims')})`],
  ['PadV2', (k) => `tf.pad(${k.input('x')}, ${k.attribute('paddings')}, ${k.attribute('constantValue')})`],
  ['MirrorPad', (k) => `tf.mirrorPad(${k.input('x')}, ${k.attribute('paddings')}, ${k.attribute('mode')})`],
  ['OneHot', (k) => `tf.oneHot(${k.input('indices')}, ${k.attribute('depth')}, ${k.attribute('onValue')}, ${k.attribute('offValue')})`],
  ['Cumsum', (k) => `tf.cumsum(${k.input('x')}, ${k.attribute('axis')}, ${k.attribute('exclusive')}, ${k.attribute('reverse')})`],
  ['Einsum', (k) => `tf.einsum(${k.attribute('equation')}, ...${k.all()})`],
  ['Conv2D', (k) => `tf.conv2d(${k.input('x', 4)}, ${k.input('filter', 4)}, ${k.attribute('strides')}, ${k.attribute('pad')}, 'NHWC', ${k.attribute('dilations')})`],
  ['DepthwiseConv2dNative', (k) => `tf.depthwiseConv2d(${k.input('x', 4)}, ${k.input('filter', 4)}, ${k.attribute('strides')}, ${k.attribute('pad')}, 'NHWC', ${k.attribute('dilations')})`],
  ['Conv2DBackpropInput', (k) => `tf.conv2dTranspose(${k.input('dy', 4)}, ${k.input('filter', 4)}, ${k.attribute('inputShape')} as [number, number, number, number], ${k.attribute('strides')}, ${k.attribute('pad')})`],
  ['Conv3D', (k) => `tf.conv3d(${k.input('x', 5)}, ${k.input('filter', 5)}, ${k.attribute('strides')}, ${k.attribute('pad')}, 'NDHWC', ${k.attribute('dilations')})`],
  ['MaxPool', pool('maxPool', 4)], ['AvgPool', pool('avgPool', 4)], ['MaxPool3D', pool('maxPool3d', 5)], ['AvgPool3D', pool('avgPool3d', 5)],
  ['ResizeBilinear', resize('resizeBilinear')], ['ResizeNearestNeighbor', resize('resizeNearestNeighbor')],
  ['FusedBatchNorm', (k) => `tf.batchNorm(${k.input('x')}, ${k.input('mean', 1)}, ${k.input('variance', 1)}, ${k.input('offset', 1)}, ${k.input('scale', 1)}, ${k.attribute('varianceEpsilon')})`],
  ['LRN', (k) => `tf.localResponseNormalization(${k.input('x', 4)}, ${k.attribute('depthRadius')}, ${k.attribute('bias')}, ${k.attribute('alpha')}, ${k.attribute('beta')})`],
  ['DepthToSpace', (k) => `tf.depthToSpace(${k.input('x', 4)}, ${k.attribute('blockSize')}, ${k.attribute('dataFormat')})`],
])

/** Kernels that return a list. */
export const LISTS: ReadonlySet<string> = new Set(['SplitV', 'Unpack'])
