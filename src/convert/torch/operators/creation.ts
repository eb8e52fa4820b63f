// Tensors made from nothing: constants, ranges, and the like. Random ones are refused: a graph is a function.
import type { Value } from '../../../onnx'
import type { SizeValue } from '../arguments'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** Elements up to which a constant tensor is written out; larger ones are expanded from one element. */
const MOST_WRITTEN = 2 ** 12

function filled(c: TorchContext, sizes: readonly SizeValue[], value: Value): Value {
  const d = c.resultType
  const tensor = value.tensor
  const count = sizes.reduce((product, { dim }) => product * (typeof dim === 'number' ? dim : Infinity), 1)
  if (tensor !== undefined && count <= MOST_WRITTEN && c.lowerer.isConstant(value)) {
    const [only = 0] = tensor.numbers()
    return c.lowerer.constant(Array.from({ length: count }, () => only), d, sizes.map(({ dim }) => Number(dim)))
  }
  return sizes.length === 0 ? value : c.op('Expand', [value, c.vectorOf(sizes)])
}

/** As the file states them, with sizes that are not known taken from the argument. */
const bySize = (fill: number | string): TorchLowering => ({
  makes: ['Expand'],
  lower: (c) => { c.set(filled(c, c.sizes('size'), typeof fill === 'number' ? c.scalar(fill, c.resultType) : c.operand(fill, c.resultType))) },
})

const like = (fill: number | string): TorchLowering => ({
  makes: ['Shape', 'Expand'],
  lower: (c) => { c.set(filled(c, c.sizesOf(c.tensor('self')), typeof fill === 'number' ? c.scalar(fill, c.resultType) : c.operand(fill, c.resultType))) },
})

const range: TorchLowering = {
  makes: ['Range'],
  lower: (c) => {
    const d = c.resultType
    const [size] = c.resultSizes()
    const number = (name: string, otherwise: number): number | undefined => {
      const argument = c.argument(name)
      if (argument === undefined) return otherwise
      return argument.kind === 'int' || argument.kind === 'float' ? argument.value : undefined
    }
    const [start, step] = [number('start', 0), number('step', 1)]
    if (typeof size === 'number' && start !== undefined && step !== undefined && size <= MOST_WRITTEN) {
      c.set(c.lowerer.constant(Array.from({ length: size }, (_, i) => start + i * step), d, [size]))
      return
    }
    const wide = /^(float(32|64)|int(16|32|64))$/.test(d) ? d : d === 'float16' || d === 'bfloat16' ? 'float32' : 'int64'
    const end = (name: string, otherwise: number): Value => (c.has(name) ? c.operand(name, wide) : c.scalar(otherwise, wide))
    c.set(c.cast(c.op('Range', [end('start', 0), end('end', 0), end('step', 1)]), d))
  },
}

const identity: TorchLowering = {
  makes: [],
  lower: (c) => {
    const [rows, columns] = c.resultSizes()
    if (typeof rows !== 'number' || typeof columns !== 'number') throw c.error('an identity matrix needs a known size')
    c.set(c.lowerer.constant(Array.from({ length: rows * columns }, (_, i) => Number(i % columns === Math.floor(i / columns))), c.resultType, [rows, columns]))
  },
}

/** The same from ends that are computed. */
function between(c: TorchContext, steps: number): Value {
  const own = c.resultType
  const d = own === 'float64' || own === 'float32' ? own : 'float64'
  const [start, end] = [c.operand('start', d), c.operand('end', d)]
  const half = (value: (i: number) => number): Value => c.lowerer.constant(Array.from({ length: steps }, (_, i) => value(i)), d, [steps])
  const step = c.op('Div', [c.op('Sub', [end, start]), c.scalar(Math.max(1, steps - 1), d)])
  const first = c.lowerer.constant(Array.from({ length: steps }, (_, i) => Number(i < steps / 2)), 'bool', [steps])
  const up = c.op('Add', [start, c.op('Mul', [step, half((i) => i)])])
  const down = c.op('Sub', [end, c.op('Mul', [step, half((i) => steps - 1 - i)])])
  return c.cast(c.op('Where', [first, up, down]), own)
}

const linspace: TorchLowering = {
  makes: ['Sub', 'Div', 'Mul', 'Where'],
  lower: (c) => {
    const steps = c.int('steps')
    if (c.argument('start')?.kind === 'tensor' || c.argument('end')?.kind === 'tensor') {
      c.set(between(c, steps))
      return
    }
    const [start, end] = [c.float('start'), c.float('end')]
    const step = steps > 1 ? (end - start) / (steps - 1) : 0
    // From both ends to the middle, as PyTorch does, so that both ends are exact.
    c.set(c.lowerer.constant(Array.from({ length: steps }, (_, i) => (i < steps / 2 ? start + i * step : end - (steps - 1 - i) * step)), c.resultType, [steps]))
  },
}

const triangle = (keep: (row: number, column: number, offset: number) => boolean): TorchLowering => ({
  makes: [],
  lower: (c) => {
    const [rows, columns, offset] = [c.int('row'), c.int('col'), c.int('offset', 0)]
    const found: [number, number][] = []
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) if (keep(row, column, offset)) found.push([row, column])
    c.set(c.lowerer.constant([...found.map(([row]) => row), ...found.map(([, column]) => column)], c.resultType, [2, found.length]))
  },
})

export const creation: Readonly<Record<string, TorchLowering>> = {
  'aten.zeros': bySize(0), 'aten.ones': bySize(1), 'aten.full': bySize('fill_value'), 'aten.empty': bySize(0), 'aten.empty_strided': bySize(0), 'aten.empty_permuted': bySize(0),
  'aten.new_zeros': bySize(0), 'aten.new_ones': bySize(1), 'aten.new_full': bySize('fill_value'), 'aten.new_empty': bySize(0), 'aten.new_empty_strided': bySize(0),
  'aten.zeros_like': like(0), 'aten.ones_like': like(1), 'aten.full_like': like('fill_value'), 'aten.empty_like': like(0),
  'aten.zero': like(0), 'aten.fill': like('value'),
  'aten.scalar_tensor': { makes: [], lower: (c) => { c.set(c.operand('s', c.resultType)) } },
  'aten.arange': range, 'aten.eye': identity, 'aten.linspace': linspace,
  'aten.logspace': { makes: ['Pow', 'Sub', 'Div', 'Mul', 'Where'], lower: (c) => {
    const own = c.resultType
    const powers = c.op('Pow', [c.scalar(c.float('base', 10), 'float64'), c.cast(between(c, c.int('steps')), 'float64')])
    c.set(c.cast(powers, own))
  } },
  'aten.tril_indices': triangle((row, column, offset) => column <= row + offset), 'aten.triu_indices': triangle((row, column, offset) => column >= row + offset),
}
