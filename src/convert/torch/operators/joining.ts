// Operators that join tensors, repeat them, and turn their axes.
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'
import { FAR } from './shape'

/** Tensors that have elements: PyTorch ignores empty ones of shape [0]. */
function joinable(c: TorchContext): Value[] {
  return c.tensors('tensors').filter((value) => !(c.rank(value) === 1 && c.shape(value)[0] === 0)).map((value) => c.cast(value, c.resultType))
}

const cat: TorchLowering = {
  makes: ['Concat'],
  lower: (c) => {
    const parts = joinable(c)
    const [first] = parts
    if (first === undefined) throw c.error('it joins only empty tensors')
    const axis = c.axis('dim', c.rank(first), 0)
    c.set(parts.length === 1 ? c.op('Identity', [first]) : c.op('Concat', parts, { axis }))
  },
}

/** Joined along an axis, after a view that gives each at least so many axes. */
const joined = (least: number, axisOf: (rank: number) => number): TorchLowering => ({
  makes: ['Reshape', 'Concat'],
  lower: (c) => {
    const parts = joinable(c).map((value) => {
      const missing = least - c.rank(value)
      if (missing <= 0) return value
      // torch.atleast_2d puts axes in front; atleast_3d one behind a matrix.
      return least === 3 ? c.unsqueeze(c.rank(value) === 2 ? value : c.unsqueeze(value, 0), 2) : c.unsqueeze(value, ...Array.from({ length: missing }, (_, i) => i))
    })
    c.set(c.op('Concat', parts, { axis: axisOf(c.rank(parts[0] ?? c.tensor('tensors'))) }))
  },
})

const stack: TorchLowering = {
  makes: ['Unsqueeze', 'Concat'],
  lower: (c) => {
    const parts = c.tensors('tensors').map((value) => c.cast(value, c.resultType))
    const axis = c.normal(c.int('dim', 0), c.resultSizes().length)
    c.set(c.op('Concat', parts.map((value) => c.unsqueeze(value, axis)), { axis }))
  },
}

const repeat = (name: string): TorchLowering => ({
  makes: ['Tile'],
  lower: (c) => {
    const value = c.tensor('self')
    const given = c.sizes(name)
    const rank = c.rank(value)
    const repeats = given.length < rank ? [...Array.from({ length: rank - given.length }, () => c.fixed(1)), ...given] : given
    const missing = repeats.length - rank
    const full = missing === 0 ? value : c.unsqueeze(value, ...Array.from({ length: missing }, (_, i) => i))
    c.set(repeats.every(({ dim }) => dim === 1) ? c.op('Identity', [full]) : c.op('Tile', [full, c.vectorOf(repeats)]))
  },
})

/** Two slices in the other order, an axis at a time. */
const roll: TorchLowering = {
  makes: ['Slice', 'Concat'],
  lower: (c) => {
    const value = c.tensor('self')
    const dims = c.ints('dims', [])
    const shifts = c.ints('shifts')
    const turn = (of: Value, axis: number, shift: number): Value => {
      const size = c.shape(of)[axis]
      if (size === 0 || shift === 0 || (typeof size === 'number' && shift % size === 0)) return of
      if (c.rank(of) === 0) return of
      const by = typeof size === 'number' ? ((shift % size) + size) % size : shift
      return c.op('Concat', [c.slice(of, axis, c.fixed(-by), c.fixed(FAR)), c.slice(of, axis, c.fixed(0), c.fixed(-by))], { axis })
    }
    if (dims.length > 0) c.set(dims.reduce((of, axis, i) => turn(of, c.normal(axis, c.rank(value)), shifts[i] ?? 0), value))
    else c.set(c.reshape(turn(c.reshape(value, [c.fixed(-1)]), 0, shifts[0] ?? 0), c.sizesOf(value)))
  },
}

const flip: TorchLowering = {
  makes: ['Slice'],
  lower: (c) => {
    const value = c.tensor('self')
    const axes = c.ints('dims').map((axis) => c.normal(axis, c.rank(value)))
    const all = (of: number): Value => c.vector(axes.map(() => of))
    c.set(axes.length === 0 ? value : c.op('Slice', [value, all(-1), all(-(2 ** 63)), c.vector(axes), all(-1)]))
  },
}

export const joining: Readonly<Record<string, TorchLowering>> = {
  'aten.cat': cat, 'aten.concat': cat, 'aten.concatenate': cat, 'aten.stack': stack,
  'aten.hstack': joined(1, (rank) => (rank === 1 ? 0 : 1)), 'aten.vstack': joined(2, () => 0), 'aten.dstack': joined(3, () => 2),
  'aten.repeat': repeat('repeats'), 'aten.tile': repeat('dims'),
  'aten.roll': roll, 'aten.flip': flip,
}
