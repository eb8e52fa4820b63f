// Keras' recurrent layers as ONNX's LSTM, GRU and RNN.
import { Tensor, type Value } from '../../onnx'
import { ConvertError } from '../errors'
import type { Json } from '../json'
import type { Lowering } from '../operators'
import { permuted } from '../tensorflow/tensors'
import { entry, type LayerContext } from './context'

/** Blocks of gates in another order: Keras [in, G·u] → ONNX [1, G·u, in]. */
function gates(kernel: Tensor, units: number, order: readonly number[]): Tensor {
  const rows = permuted(kernel, [1, 0])
  const inner = rows.shape[1] ?? 1
  const from = rows.toArray() as Float32Array
  const out = new Float32Array(from.length)
  order.forEach((g, i) => { out.set(from.subarray(g * units * inner, (g + 1) * units * inner), i * units * inner) })
  return Tensor.from(out, [1, rows.shape[0] ?? 1, inner])
}

const RNN = { LSTM: { gates: 4, order: [0, 3, 1, 2], f: 3 }, GRU: { gates: 3, order: [0, 1, 2], f: 2 }, SimpleRNN: { gates: 1, order: [0], f: 1 } } as const
const RNN_ACTIVATIONS: Readonly<Record<string, string>> = { tanh: 'Tanh', sigmoid: 'Sigmoid', relu: 'Relu', hard_sigmoid: 'HardSigmoid', softsign: 'Softsign', linear: 'Affine', elu: 'Elu' }

/** One recurrent layer over x [batch, time, features]: [batch, time, units] or the last state. */
function recurrent(c: LayerContext, kind: keyof typeof RNN, config: Json, weights: readonly Tensor[], backwards: boolean, flip: boolean): Value {
  const { gates: count, order, f } = RNN[kind]
  const [kernel, recurrentKernel, bias] = weights
  if (kernel === undefined || recurrentKernel === undefined) throw c.error('a weight is missing')
  const units = config.get('units').size
  const fits = ({ shape }: Tensor, rows: number | undefined): boolean => shape.length === 2 && shape[1] === count * units && (rows === undefined || shape[0] === rows)
  for (const [weight, rows] of [[kernel, undefined], [recurrentKernel, units]] as const) {
    if (fits(weight, rows)) continue
    throw new ConvertError('CONVERT_WEIGHTS', 'The weights of a layer do not fit its configuration', {
      expected: `[${rows ?? 'features'}, ${count * units}]`, got: `[${weight.shape.join(', ')}]`, where: `layer ${c.name}`, fix: 'save the model again with Keras: model.save("model.keras")',
    })
  }
  const after = kind === 'GRU' && config.maybe('reset_after')?.bool !== false
  const flat = bias === undefined ? undefined : (bias.toArray() as Float32Array)
  const reordered = (from: Float32Array): Float32Array => Float32Array.from({ length: count * units }, (_, i) => from[(order[Math.floor(i / units)] ?? 0) * units + (i % units)] ?? 0)
  const both = flat === undefined ? undefined : Float32Array.from([...reordered(flat.subarray(0, count * units)), ...(after && flat.length === 2 * count * units ? reordered(flat.subarray(count * units)) : new Float32Array(count * units))])
  const name = (key: string, otherwise: string): string => {
    const value = config.maybe(key)?.value ?? otherwise
    const given = typeof value === 'string' ? value : JSON.stringify(value)
    const found = RNN_ACTIVATIONS[given]
    if (found === undefined) throw c.error('the activation has no ONNX form', given)
    return found
  }
  const [inner, outer] = [name('activation', 'tanh'), kind === 'SimpleRNN' ? 'Sigmoid' : name('recurrent_activation', 'sigmoid')]
  const sequences = config.maybe('return_sequences')?.bool === true
  const x = c.emitter.transpose(c.x.value, [1, 0, 2])
  const side = backwards ? 'backward_' : ''
  const made = c.emitter.ops(kind === 'SimpleRNN' ? 'RNN' : kind, [
    x, c.constant(gates(kernel, units, order), `${side}kernel`), c.constant(gates(recurrentKernel, units, order), `${side}recurrent_kernel`),
    both === undefined ? undefined : c.constant(Tensor.from(both, [1, both.length]), `${side}bias`),
  ], {
    hidden_size: units, direction: backwards ? 'reverse' : 'forward', activations: kind === 'SimpleRNN' ? [inner] : kind === 'LSTM' ? [outer, inner, inner] : [outer, inner],
    ...(kind === 'GRU' ? { linear_before_reset: after ? 1 : 0 } : {}), ...(outer === 'HardSigmoid' ? { activation_alpha: [1 / 6, ...new Array<number>(f - 1).fill(0)], activation_beta: [0.5, ...new Array<number>(f - 1).fill(0)] } : {}),
  }, { outputs: 2 })
  if (!sequences) return c.op('Squeeze', [made[1], c.emitter.numbers([0])])
  const y = c.emitter.transpose(c.op('Squeeze', [made[0], c.emitter.numbers([1])]), [1, 0, 2])
  // A layer that goes backwards gives its steps in that order; ONNX gives them in the order of time.
  return flip ? c.op('Slice', [y, c.emitter.numbers([-1]), c.emitter.numbers([Number.MIN_SAFE_INTEGER]), c.emitter.numbers([1]), c.emitter.numbers([-1])]) : y
}

const rnn = (kind: keyof typeof RNN): Lowering<LayerContext> => entry([kind === 'SimpleRNN' ? 'RNN' : kind], (c) => {
  const back = c.flag('go_backwards', false)
  c.out(recurrent(c, kind, c.config, c.weights, back, back))
})

const bidirectional = entry(['LSTM', 'GRU', 'RNN'], (c) => {
  const layer = c.config.get('layer')
  const kind = layer.get('class_name').text
  if (!(kind in RNN)) throw c.error('only LSTM, GRU and SimpleRNN go both ways', kind)
  const half = c.weights.length / 2
  const run = (weights: readonly Tensor[], back: boolean): Value => recurrent(c, kind as keyof typeof RNN, layer.get('config'), weights, back, false)
  const [a, b] = [run(c.weights.slice(0, half), false), run(c.weights.slice(half), true)]
  const mode = c.text('merge_mode', 'concat')
  const y = mode === 'concat' ? c.op('Concat', [a, b], { axis: -1 }) : c.op(mode === 'mul' ? 'Mul' : 'Add', [a, b])
  c.out(mode === 'ave' ? c.op('Mul', [y, c.scalar(0.5)]) : y)
})

export const recurrentLayers: Readonly<Record<string, Lowering<LayerContext>>> = {
  LSTM: rnn('LSTM'), GRU: rnn('GRU'), SimpleRNN: rnn('SimpleRNN'), Bidirectional: bidirectional,
}
