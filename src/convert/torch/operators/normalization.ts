// Normalizations, in inference.
import type { Value } from '../../../onnx'
import type { SizeValue } from '../arguments'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** A vector of ones or zeros where PyTorch leaves a parameter out. */
function filled(c: TorchContext, value: number, like: Value, axis: number): Value {
  const size = c.shape(like)[axis]
  if (typeof size !== 'number') throw c.error('it needs a known number of channels')
  return c.lowerer.constant(Array.from({ length: size }, () => value), c.dtype(like), [size])
}

const batchNorm = (training: string | undefined): TorchLowering => ({
  makes: ['BatchNormalization'], limits: 'training mode',
  lower: (c) => {
    if (training !== undefined && c.bool(training)) throw c.error('the module was exported in training mode', { fix: 'call module.eval() before torch.export.export' })
    const x = c.tensor('input')
    const [mean, variance] = [c.optional('running_mean'), c.optional('running_var')]
    if (mean === undefined || variance === undefined) throw c.error('it has no running statistics', { fix: 'make the layer with track_running_stats=True' })
    const [weight, bias] = [c.optional('weight') ?? filled(c, 1, x, 1), c.optional('bias') ?? filled(c, 0, x, 1)]
    c.set(c.op('BatchNormalization', [x, weight, bias, mean, variance], { epsilon: c.float('eps', 1e-5) }))
    // In inference the statistics that training would keep have no elements.
    for (let i = 1; i < c.results.length; i++) if (c.resultSizes(i).includes(0)) c.set(c.lowerer.constant([], c.resultMeta(i).dtype, c.resultSizes(i).map(Number)), i)
  },
})

/** (x − mean) / √(variance + ε) · weight + bias over the last axes. */
const layerNorm: TorchLowering = {
  makes: ['LayerNormalization'],
  lower: (c) => {
    const x = c.tensor('input')
    const axes = c.ints('normalized_shape').length
    const d = c.dtype(x)
    const sizes = c.ints('normalized_shape')
    const weight = c.optional('weight') ?? c.lowerer.constant(Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, () => 1), d, sizes)
    const bias = c.optional('bias')
    const attributes = { axis: -axes, epsilon: c.float('eps', 1e-5) }
    const inputs = [x, weight, ...(bias === undefined ? [] : [bias])]
    if (c.results.length <= 1) {
      c.set(c.op('LayerNormalization', inputs, attributes))
      return
    }
    // The mean and the reciprocal of the deviation, which the decomposed form also returns.
    c.setAll(c.ops('LayerNormalization', inputs, attributes, 3))
  },
}

const groupNorm = (groupsName: string): TorchLowering => ({
  makes: ['GroupNormalization', 'InstanceNormalization', 'Reshape', 'Mul', 'Add'],
  lower: (c) => {
    const x = c.tensor('input')
    const groups = c.int(groupsName)
    const [weight, bias] = [c.optional('weight') ?? filled(c, 1, x, 1), c.optional('bias') ?? filled(c, 0, x, 1)]
    c.set(groupNormalized(c, x, groups, weight, bias, c.float('eps', 1e-5)))
    if (c.results.length < 3) return
    // The mean and the reciprocal of the deviation of each group.
    const d = c.dtype(x)
    const flat = c.reshape(x, [c.sizeOf(x, 0), c.fixed(groups), c.fixed(-1)])
    const mean = (value: Value, keepdims: number): Value => c.op('ReduceMean', [value, c.vector([2])], { keepdims })
    const centred = c.op('Sub', [flat, mean(flat, 1)])
    const variance = c.op('Add', [mean(c.op('Mul', [centred, centred]), 0), c.scalar(c.float('eps', 1e-5), d)])
    c.set(mean(flat, 0), 1)
    c.set(c.op('Reciprocal', [c.op('Sqrt', [variance])]), 2)
  },
})

function groupNormalized(c: TorchContext, x: Value, groups: number, weight: Value, bias: Value, epsilon: number): Value {
  const sizes = c.sizesOf(x)
  const channels = sizes[1]
  // With as many groups as channels it is an instance normalization, which runtimes have kernels for.
  if (channels?.dim === groups) return c.op('InstanceNormalization', [x, weight, bias], { epsilon })
  const [batch] = sizes
  const d = c.dtype(x)
  const flat = c.reshape(x, [batch ?? c.fixed(1), c.fixed(groups), c.fixed(-1)])
  const ones = c.lowerer.constant(Array.from({ length: groups }, () => 1), d, [groups])
  const zeros = c.lowerer.constant(Array.from({ length: groups }, () => 0), d, [groups])
  const normal = c.reshape(c.op('InstanceNormalization', [flat, ones, zeros], { epsilon }), sizes)
  const aligned = (value: Value): Value => c.reshape(value, [c.fixed(-1), ...sizes.slice(2).map((): SizeValue => c.fixed(1))])
  return c.op('Add', [c.op('Mul', [normal, aligned(weight)]), aligned(bias)])
}

const instanceNorm: TorchLowering = {
  makes: ['InstanceNormalization', 'BatchNormalization'],
  lower: (c) => {
    const x = c.tensor('input')
    const [weight, bias] = [c.optional('weight') ?? filled(c, 1, x, 1), c.optional('bias') ?? filled(c, 0, x, 1)]
    const [mean, variance] = [c.optional('running_mean'), c.optional('running_var')]
    const epsilon = c.float('eps', 1e-5)
    if (!c.bool('use_input_stats', true) && mean !== undefined && variance !== undefined) {
      c.set(c.op('BatchNormalization', [x, weight, bias, mean, variance], { epsilon }))
    } else c.set(c.op('InstanceNormalization', [x, weight, bias], { epsilon }))
  },
}

/** x / √(mean(x²) + ε) · weight */
const rmsNorm: TorchLowering = {
  makes: ['RMSNormalization', 'ReduceMean', 'Sqrt', 'Div', 'Mul'],
  lower: (c) => {
    const x = c.tensor('input')
    const sizes = c.ints('normalized_shape')
    const d = c.dtype(x)
    const epsilon = c.float('eps', d === 'float64' ? 2.220446049250313e-16 : d === 'float16' ? 0.0009765625 : 1.1920928955078125e-7)
    const weight = c.optional('weight')
    const axes = c.vector(sizes.map((_, i) => i - sizes.length))
    const mean = c.op('ReduceMean', [c.op('Mul', [x, x]), axes], { keepdims: 1 })
    const normal = c.op('Div', [x, c.op('Sqrt', [c.op('Add', [mean, c.scalar(epsilon, d)])])])
    c.set(weight === undefined ? normal : c.op('Mul', [normal, weight]))
  },
}

/** Over the statistics of the batch itself, as the decomposed instance normalization does. */
const batchStatistics: TorchLowering = {
  makes: ['InstanceNormalization', 'Transpose'],
  lower: (c) => {
    const x = c.tensor('input')
    const [weight, bias] = [c.optional('weight') ?? filled(c, 1, x, 1), c.optional('bias') ?? filled(c, 0, x, 1)]
    const epsilon = c.float('eps', 1e-5)
    const [batch, channels, ...space] = c.sizesOf(x)
    if (c.results.length > 2) {
      const axes = c.vector([0, ...space.map((_, i) => i + 2)])
      const centred = c.op('Sub', [x, c.op('ReduceMean', [x, axes], { keepdims: 1 })])
      const spread = c.op('ReduceMean', [c.op('Mul', [centred, centred]), axes], { keepdims: 0 })
      c.set(c.op('ReduceMean', [x, axes], { keepdims: 0 }), 1)
      c.set(c.op('Reciprocal', [c.op('Sqrt', [c.op('Add', [spread, c.scalar(epsilon, c.dtype(x))])])]), 2)
    }
    if (batch?.dim === 1 && space.length > 0) {
      c.set(c.op('InstanceNormalization', [x, weight, bias], { epsilon }))
      return
    }
    // Channels in front, everything else in one axis: one instance whose channels are the channels.
    const order = [1, 0, ...space.map((_, i) => i + 2)]
    const front = c.transpose(x, order)
    const flat = c.reshape(front, [c.fixed(1), channels ?? c.fixed(-1), c.fixed(-1)])
    const normal = c.reshape(c.op('InstanceNormalization', [flat, weight, bias], { epsilon }), c.sizesOf(front))
    c.set(c.transpose(normal, order))
  },
}

export const normalization: Readonly<Record<string, TorchLowering>> = {
  'aten.batch_norm': batchNorm('training'), 'aten._native_batch_norm_legit_no_training': batchNorm(undefined),
  'aten.native_batch_norm': batchNorm('training'), 'aten._native_batch_norm_legit': batchNorm('training'), 'aten._native_batch_norm_legit.no_stats': batchStatistics,
  'aten.layer_norm': layerNorm, 'aten.native_layer_norm': layerNorm,
  'aten.group_norm': groupNorm('num_groups'), 'aten.native_group_norm': groupNorm('group'),
  'aten.instance_norm': instanceNorm, 'aten.rms_norm': rmsNorm, 'aten._fused_rms_norm': rmsNorm,
}
