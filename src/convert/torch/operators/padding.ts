// Padding: with a number, mirrored, with copies of the edge, and as a circle.
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'
import { FAR } from './shape'

/** PyTorch lists pads from the last axis, begin and end together; ONNX all begins, then all ends. */
function padded(c: TorchContext, value: Value, pads: readonly number[], mode = 'constant', fill = 0): Value {
  const rank = c.rank(value)
  const begins = Array.from({ length: rank }, () => 0)
  const ends = [...begins]
  for (let i = 0; i + 1 < pads.length; i += 2) {
    const axis = rank - 1 - i / 2
    begins[axis] = pads[i] ?? 0
    ends[axis] = pads[i + 1] ?? 0
  }
  if ([...begins, ...ends].every((pad) => pad === 0)) return value
  if (mode === 'wrap') return begins.reduce((of, begin, axis) => wrapped(c, of, axis, begin, ends[axis] ?? 0), value)
  if (mode === 'edge' && [...begins, ...ends].some((pad) => pad < 0)) return begins.reduce((of, begin, axis) => edged(c, of, axis, begin, ends[axis] ?? 0), value)
  return c.op('Pad', [value, c.vector([...begins, ...ends]), mode === 'constant' ? c.scalar(fill, c.dtype(value)) : undefined], { mode })
}

/** A circle: the end before the beginning, the beginning behind the end. Runtimes have no kernel for it in all versions. */
function wrapped(c: TorchContext, value: Value, axis: number, begin: number, end: number): Value {
  // Negative pads take away first: the circle is that of the rest.
  const rest = begin >= 0 && end >= 0 ? value : c.slice(value, axis, c.fixed(Math.max(0, -begin)), c.fixed(end < 0 ? end : FAR))
  const parts: Value[] = []
  if (begin > 0) parts.push(c.slice(rest, axis, c.fixed(-begin), c.fixed(FAR)))
  parts.push(rest)
  if (end > 0) parts.push(c.slice(rest, axis, c.fixed(0), c.fixed(end)))
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : c.op('Concat', parts, { axis })
}

/** Copies of the edge where pads are positive; a negative pad takes away, also from what the other end copies. */
function edged(c: TorchContext, value: Value, axis: number, begin: number, end: number): Value {
  const size = c.shape(value)[axis]
  if (begin === 0 && end === 0) return value
  if (typeof size !== 'number') throw c.error('a negative padding of an axis of unknown size')
  const at = Array.from({ length: Math.max(0, size + begin + end) }, (_, i) => Math.min(size - 1, Math.max(0, i - begin)))
  return c.op('Gather', [value, c.vector(at)], { axis })
}

const MODES: Readonly<Record<string, string>> = { constant: 'constant', reflect: 'reflect', replicate: 'edge', circular: 'wrap' }

const pad = (mode?: string): TorchLowering => ({
  makes: ['Pad'],
  lower: (c) => {
    const wanted = mode ?? MODES[c.text('mode', 'constant')]
    if (wanted === undefined) throw c.error('there is no such padding', { got: c.text('mode', '') })
    const name = c.has('self') ? 'self' : 'input'
    c.set(padded(c, c.tensor(name), c.ints(c.has('pad') ? 'pad' : 'padding'), wanted, c.float('value', 0)))
  },
})

export const padding: Readonly<Record<string, TorchLowering>> = {
  'aten.pad': pad(), 'aten.constant_pad_nd': pad('constant'), 'aten.reflection_pad1d': pad('reflect'), 'aten.reflection_pad2d': pad('reflect'), 'aten.reflection_pad3d': pad('reflect'),
  'aten.replication_pad1d': pad('edge'), 'aten.replication_pad2d': pad('edge'), 'aten.replication_pad3d': pad('edge'), 'aten._pad_circular': pad('wrap'), 'aten._pad_enum': pad(),
}
