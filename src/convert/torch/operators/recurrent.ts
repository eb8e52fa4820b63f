// Recurrent layers. Gates stand in another order in ONNX, so weights are cut and joined in the graph (runtimes fold it).
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

interface Cell {
  readonly type: 'LSTM' | 'GRU' | 'RNN'
  /** Position of ONNX's gates among PyTorch's: LSTM i o f c of i f c o; GRU z r h of r z h. */
  readonly gates: readonly number[]
  readonly attributes: Readonly<Record<string, number | readonly string[]>>
}

const LSTM: Cell = { type: 'LSTM', gates: [0, 3, 1, 2], attributes: {} }
const GRU: Cell = { type: 'GRU', gates: [1, 0, 2], attributes: { linear_before_reset: 1 } }

function reordered(c: TorchContext, value: Value, { gates }: Cell): Value {
  if (gates.length === 1) return value
  const parts = c.ops('Split', [value], { axis: 0, num_outputs: gates.length }, gates.length)
  return c.op('Concat', gates.map((gate) => parts[gate]), { axis: 0 })
}

function stacked(c: TorchContext, values: readonly Value[]): Value {
  return c.op('Concat', values.map((value) => c.unsqueeze(value, 0)), { axis: 0 })
}

const recurrentLayers = ({ cell, states }: { cell: Cell; states: 1 | 2 }): TorchLowering => ({
  makes: [cell.type, 'Split', 'Concat', 'Transpose', 'Reshape'], limits: 'packed sequences, dropout, projections',
  lower: (c) => {
    if (c.bool('train') && c.float('dropout', 0) > 0) throw c.error('the module was exported in training mode', { fix: 'call module.eval() first' })
    if (!c.has('input')) throw c.error('packed sequences have no form in ONNX', { fix: 'give the module a padded tensor' })
    const initial = states === 2 ? c.tensors('hx') : [c.tensor('hx')]
    const params = c.tensors('params')
    const [layers, bidirectional, biases] = [c.int('num_layers'), c.bool('bidirectional'), c.bool('has_biases', true)]
    const directions = bidirectional ? 2 : 1
    const each = biases ? 4 : 2
    if (params.length !== layers * directions * each) throw c.error('projections have no form in ONNX', { got: `${params.length} weights for ${layers} layers`, fix: 'make the LSTM without proj_size' })
    const batchFirst = c.bool('batch_first')
    const input = c.tensor('input')
    let x = batchFirst ? c.transpose(input, [1, 0, 2]) : input
    const hidden = c.shape(params[1] ?? input)[1]
    if (typeof hidden !== 'number') throw c.error('the hidden size is not known')
    const last: Value[][] = Array.from({ length: states }, () => [])
    for (let layer = 0; layer < layers; layer++) {
      const from = layer * directions * each
      const own = Array.from({ length: directions }, (_, i) => params.slice(from + i * each, from + (i + 1) * each))
      const weights = (which: number): Value => stacked(c, own.map((list) => reordered(c, list[which] ?? input, cell)))
      const bias = biases ? stacked(c, own.map((list) => c.op('Concat', [2, 3].map((which) => reordered(c, list[which] ?? input, cell)), { axis: 0 }))) : undefined
      const start = initial.map((state) => c.slice(state, 0, c.fixed(layer * directions), c.fixed((layer + 1) * directions)))
      const [y, ...finals] = c.ops(cell.type, [x, weights(0), weights(1), bias, undefined, ...start], {
        hidden_size: hidden, direction: bidirectional ? 'bidirectional' : 'forward', ...cell.attributes,
        ...(cell.type === 'RNN' && bidirectional ? { activations: [...(cell.attributes['activations'] as readonly string[]), ...(cell.attributes['activations'] as readonly string[])] } : {}),
      }, 1 + states)
      if (y === undefined) throw c.error(`${cell.type} gave no output`)
      finals.forEach((value, i) => last[i]?.push(value))
      // [T, directions, N, H] → [T, N, directions · H]
      x = directions === 1 ? c.squeeze(y, 1) : c.op('Reshape', [c.transpose(y, [0, 2, 1, 3]), c.vector([0, 0, directions * hidden])])
    }
    c.set(batchFirst ? c.transpose(x, [1, 0, 2]) : x, 0)
    last.forEach((values, i) => { c.set(values.length === 1 && values[0] !== undefined ? values[0] : c.op('Concat', values, { axis: 0 }), i + 1) })
  },
})

const plain = (activation: string): TorchLowering => recurrentLayers({ cell: { type: 'RNN', gates: [0], attributes: { activations: [activation] } }, states: 1 })

export const recurrent: Readonly<Record<string, TorchLowering>> = {
  'aten.lstm': recurrentLayers({ cell: LSTM, states: 2 }), 'aten.gru': recurrentLayers({ cell: GRU, states: 1 }),
  'aten.rnn_tanh': plain('Tanh'), 'aten.rnn_relu': plain('Relu'),
}
