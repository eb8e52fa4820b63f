// Sorting and the largest elements.
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** Values and places of the k largest or smallest along an axis. */
function top(c: TorchContext, x: Value, k: Value, axis: number, largest: boolean, sorted: boolean): readonly Value[] {
  const boolean = c.dtype(x) === 'bool'
  const [values, places] = c.ops('TopK', [boolean ? c.cast(x, 'int32') : x, k], { axis, largest: Number(largest), sorted: Number(sorted) }, 2)
  if (values === undefined || places === undefined) throw c.error('TopK gave no outputs')
  return [values, places]
}

const sort = (only: 'both' | 'places', along = -1): TorchLowering => ({
  makes: ['TopK'], limits: 'equal elements keep the order that the runtime gives them',
  lower: (c) => {
    const x = c.tensor('self')
    if (c.rank(x) === 0) {
      c.setAll(only === 'both' ? [x, c.scalar(0, 'int64')] : [c.scalar(0, 'int64')])
      return
    }
    const axis = c.axis('dim', c.rank(x), along)
    const [values, places] = top(c, x, c.sizeOf(x, axis).vector(), axis, c.bool('descending'), true)
    if (values === undefined || places === undefined) return
    c.setAll(only === 'both' ? [values, places] : [places])
  },
})

export const sorting: Readonly<Record<string, TorchLowering>> = {
  'aten.topk': {
    makes: ['TopK'],
    lower: (c) => {
      const x = c.tensor('self')
      if (c.rank(x) === 0) c.setAll([x, c.scalar(0, 'int64')])
      else c.setAll(top(c, x, c.size('k').vector(), c.axis('dim', c.rank(x), -1), c.bool('largest', true), c.bool('sorted', true)))
    },
  },
  'aten.sort': sort('both'), 'aten.argsort': sort('places'), 'aten.msort': sort('both', 0),
}
