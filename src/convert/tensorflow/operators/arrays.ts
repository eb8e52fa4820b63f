// Operators that make, cut, join and move tensors.
import { elementCount } from '../../../core'
import { Tensor, type Value } from '../../../onnx'
import { lowering, type TfContext, type TfLowering } from '../context'
import { Held } from '../held'

const shapeInput = (c: TfContext, index: number): Value => c.int64(c.in(index))

const concat = (axisAt: 'first' | 'last'): TfLowering => lowering(['Concat'], (c) => {
  const [axisIndex, parts] = axisAt === 'first' ? [0, c.inputs.slice(1)] : [c.inputs.length - 1, c.inputs.slice(0, -1)]
  const rank = parts.map((h) => h.rank).find((r) => r !== undefined) ?? 1
  const axis = c.axis(c.numbers(axisIndex, 'the axis')[0] ?? 0, rank)
  const first = parts.some((h) => h.isFirst) && parts.every((h) => h.rank === rank) && rank >= 3
  const values = parts.map((h) => (first ? h.first : h.value))
  c.give2(values.length === 1 ? values[0] as Value : c.op('Concat', values, { axis: c.place([axis], rank, first)[0] ?? 0 }), first)
})

const unsqueezed = (c: TfContext, value: Value, axes: readonly number[]): Value => c.op('Unsqueeze', [value, c.emitter.numbers(axes)])

const pack: TfLowering = lowering(['Unsqueeze', 'Concat'], (c) => {
  const rank = c.rank(0) + 1
  const axis = c.axis(c.node.int('axis', 0), rank)
  const parts = c.inputs.map((h) => unsqueezed(c, h.value, [axis]))
  c.out(parts.length === 1 ? parts[0] as Value : c.op('Concat', parts, { axis }))
})

const unpack: TfLowering = lowering(['Split', 'Squeeze'], (c) => {
  const axis = c.axis(c.node.int('axis', 0), c.rank(0))
  const count = c.node.int('num', 1)
  const parts = count === 1 ? [c.in(0)] : c.emitter.ops('Split', [c.in(0), c.emitter.numbers(new Array<number>(count).fill(1))], { axis }, { outputs: count })
  parts.forEach((part, i) => { c.out(c.op('Squeeze', [part, c.emitter.numbers([axis])]), i) })
})

function splitTo(c: TfContext, source: number, axisIndex: number, sizes: readonly number[] | number): void {
  const held = c.held(source)
  const rank = c.rank(source)
  const axis = c.axis(c.numbers(axisIndex, 'the axis')[0] ?? 0, rank)
  const first = held.isFirst && rank >= 3
  const at = c.place([axis], rank, first)[0] ?? 0
  const total = c.shape(source)[axis]
  const count = typeof sizes === 'number' ? sizes : sizes.length
  const known = typeof sizes === 'number' ? (typeof total === 'number' ? new Array<number>(sizes).fill(total / sizes) : undefined)
    : sizes.map((size) => (size >= 0 ? size : (typeof total === 'number' ? total : 0) - sizes.filter((s) => s > 0).reduce((a, b) => a + b, 0)))
  const value = first ? held.first : held.value
  if (count === 1) {
    c.give(held)
    return
  }
  const parts = known === undefined ? c.emitter.ops('Split', [value], { axis: at, num_outputs: count }, { outputs: count })
    : c.emitter.ops('Split', [value, c.emitter.numbers(known)], { axis: at }, { outputs: count })
  parts.forEach((part, i) => { c.give2(part, first, i) })
}

/** Bits of StridedSlice's masks: one for each entry of begin, end and strides. */
const stridedSlice: TfLowering = lowering(['Slice', 'Squeeze', 'Unsqueeze'], (c) => {
  const mask = (name: string, i: number): boolean => ((c.node.int(`${name}_mask`) >> i) & 1) === 1
  const entries = Number(c.held(1).shape?.[0] ?? c.held(3).constant?.size ?? 0)
  const strides = c.numbers(3, 'the strides')
  const known = (index: number): number[] | undefined => c.held(index).constant?.numbers()
  const [begin, end] = [known(1), known(2)]
  const part = (index: number, i: number): Value => c.op('Slice', [c.int64(c.in(index)), c.emitter.numbers([i]), c.emitter.numbers([i + 1]), c.emitter.numbers([0])])
  const ellipsis = Array.from({ length: entries }, (_, i) => i).find((i) => mask('ellipsis', i))
  const added = Array.from({ length: entries }, (_, i) => i).filter((i) => mask('new_axis', i) && i !== ellipsis).length
  const starts: (number | Value)[] = []
  const ends: (number | Value)[] = []
  const axes: number[] = []
  const steps: number[] = []
  const shrink: number[] = []
  const grow: number[] = []
  let axis = 0
  let out = 0
  for (let i = 0; i < entries; i++) {
    if (i === ellipsis) {
      const skip = c.rank(0) - (entries - 1 - added)
      axis += skip
      out += skip
    } else if (mask('new_axis', i)) grow.push(out++)
    else {
      const step = strides[i] ?? 1
      if (mask('shrink_axis', i)) {
        const from = begin?.[i]
        starts.push(from ?? part(1, i))
        ends.push(from === undefined ? c.op('Add', [part(1, i), c.emitter.numbers([1])]) : from === -1 ? Number.MAX_SAFE_INTEGER : from + 1)
        axes.push(axis)
        steps.push(1)
        shrink.push(axis)
      } else {
        const far = step > 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
        const from = mask('begin', i) ? (step > 0 ? 0 : Number.MAX_SAFE_INTEGER) : begin?.[i] ?? part(1, i)
        const to = mask('end', i) ? far : end?.[i] ?? part(2, i)
        if (!(mask('begin', i) && mask('end', i) && step === 1)) {
          starts.push(from)
          ends.push(to)
          axes.push(axis)
          steps.push(step)
        }
        out++
      }
      axis++
    }
  }
  let value = c.in(0)
  const vector = (list: readonly (number | Value)[]): Value => (list.every((entry) => typeof entry === 'number') ? c.emitter.numbers(list)
    : c.op('Concat', list.map((entry) => (typeof entry === 'number' ? c.emitter.numbers([entry]) : entry)), { axis: 0 }))
  if (axes.length > 0) value = c.op('Slice', [value, vector(starts), vector(ends), c.emitter.numbers(axes), c.emitter.numbers(steps)])
  if (shrink.length > 0) value = c.op('Squeeze', [value, c.emitter.numbers(shrink)])
  if (grow.length > 0) value = unsqueezed(c, value, grow)
  c.out(value)
})

const slice: TfLowering = lowering(['Slice'], (c) => {
  const rank = c.rank(0)
  const axes = Array.from({ length: rank }, (_, i) => i)
  const [begin, size] = [c.held(1).constant?.numbers(), c.held(2).constant?.numbers()]
  if (begin !== undefined && size !== undefined) {
    const ends = begin.map((b, i) => ((size[i] ?? -1) < 0 ? Number.MAX_SAFE_INTEGER : b + (size[i] ?? 0)))
    c.out(c.op('Slice', [c.in(0), c.emitter.numbers(begin), c.emitter.numbers(ends), c.emitter.numbers(axes)]))
    return
  }
  const [from, length] = [shapeInput(c, 1), shapeInput(c, 2)]
  const all = c.op('Less', [length, c.emitter.scalar(0, 'int64')])
  const to = c.op('Where', [all, c.emitter.sizes(c.in(0)), c.op('Add', [from, length])])
  c.out(c.op('Slice', [c.in(0), from, to, c.emitter.numbers(axes)]))
})

const pads = (c: TfContext, mode: 'constant' | 'reflect' | 'edge'): void => {
  if (c.held(1).constant === undefined && mode === 'constant') {
    // [rank, 2] of before and after becomes all before, then all after.
    const list = c.op('Reshape', [c.op('Transpose', [c.int64(c.in(1))], { perm: [1, 0] }), c.emitter.numbers([-1])])
    c.out(c.op('Pad', [c.in(0), list, c.node.op === 'PadV2' ? c.in(2) : undefined], { mode }))
    return
  }
  const table = c.numbers(1, 'the padding')
  const rank = table.length / 2
  const held = c.held(0)
  const first = held.isFirst && rank >= 3
  const order = c.place(Array.from({ length: rank }, (_, i) => i), rank, first)
  const list = new Array<number>(2 * rank).fill(0)
  order.forEach((at, axis) => {
    list[at] = table[2 * axis] ?? 0
    list[at + rank] = table[2 * axis + 1] ?? 0
  })
  const filler = c.node.op === 'PadV2' ? c.in(2) : undefined
  const edge = c.node.op === 'MirrorPad' && c.node.string('mode') === 'SYMMETRIC'
  if (edge && list.some((p) => p > 1)) throw c.error('symmetric padding by more than one has no ONNX form', String(list), "use mode='REFLECT'")
  c.give2(c.op('Pad', [first ? held.first : held.value, c.emitter.numbers(list), filler], { mode }), first)
}

const gather: TfLowering = lowering(['Gather'], (c) => {
  const rank = c.rank(0)
  const axis = c.inputs[2] === undefined ? 0 : c.axis(c.numbers(2, 'the axis')[0] ?? 0, rank)
  const batch = c.node.int('batch_dims', 0)
  if (batch === 0) {
    c.out(c.op('Gather', [c.in(0), c.in(1)], { axis }))
    return
  }
  if (batch !== axis) throw c.error('batch dimensions other than the axis have no ONNX form', `batch_dims ${batch}, axis ${axis}`)
  c.out(c.op('GatherND', [c.in(0), unsqueezed(c, c.int64(c.in(1)), [c.rank(1)])], { batch_dims: batch }))
})

const fill: TfLowering = lowering(['Expand'], (c) => { c.out(c.op('Expand', [c.in(1), shapeInput(c, 0)])) })

const like = (value: number): TfLowering => lowering(['Shape', 'Expand'], (c) => {
  const x = c.in(0)
  c.out(c.op('Expand', [c.emitter.scalar(value, x.dtype ?? 'float32'), c.emitter.sizes(x)]))
})

const shape: TfLowering = lowering(['Shape', 'Cast'], (c) => {
  const sizes = c.held(0).shape
  const type = c.node.dtype('out_type') ?? 'int32'
  if (sizes?.every((size) => typeof size === 'number') === true) c.out(c.emitter.tensor(Tensor.from(sizes, [sizes.length], type)))
  else c.out(c.emitter.cast(c.op('Shape', [c.in(0)]), type))
})

const transpose: TfLowering = lowering(['Transpose'], (c) => {
  const perm = c.numbers(1, 'the order of axes')
  const held = c.held(0)
  const rank = perm.length
  // The two orders of images: nothing to compute, only to remember.
  const first = rank >= 3 && perm.every((axis, i) => axis === (i === 0 ? 0 : i === 1 ? rank - 1 : i - 1))
  const last = rank >= 3 && perm.every((axis, i) => axis === (i === 0 ? 0 : i === rank - 1 ? 1 : i + 1))
  if (first && held.isFirst) c.out(held.first)
  else if (last && !held.isFirst) c.outFirst(held.value)
  else c.out(c.emitter.transpose(held.value, perm))
})

const oneHot: TfLowering = lowering(['OneHot'], (c) => {
  const values = c.op('Concat', [unsqueezed(c, c.in(3), [0]), unsqueezed(c, c.in(2), [0])], { axis: 0 })
  c.out(c.op('OneHot', [c.int64(c.in(0)), c.int64(c.in(1)), values], { axis: c.node.int('axis', -1) }))
})

const blocks = (name: 'DepthToSpace' | 'SpaceToDepth'): TfLowering => lowering([name], (c) => {
  c.outFirst(c.op(name, [c.held(0).first], { blocksize: c.node.int('block_size', 2) }))
})

/** Batch to space: how TensorFlow once wrote dilated convolutions. Blocks of the batch become pixels, edges are cut. */
const batchToSpace: TfLowering = lowering(['Reshape', 'Transpose', 'Slice'], (c) => {
  const block = c.numbers(1, 'the block shape')
  const crops = c.numbers(2, 'the crops')
  const rank = c.rank(0)
  const x = c.in(0)
  const count = elementCount(block)
  const m = block.length
  const size = (axis: number): Value => c.emitter.size(x, axis)
  const rest = Array.from({ length: rank - 1 }, (_, i) => size(i + 1))
  const batch = c.op('Div', [size(0), c.emitter.numbers([count])])
  const apart = c.op('Reshape', [x, c.op('Concat', [...block.map((b) => c.emitter.numbers([b])), batch, ...rest], { axis: 0 })])
  const order = [m, ...block.flatMap((_, i) => [m + 1 + i, i]), ...Array.from({ length: rank - 1 - m }, (_, i) => 2 * m + 1 + i)]
  const moved = c.op('Transpose', [apart], { perm: order })
  const grown = rest.map((value, i) => (i < m ? c.op('Mul', [value, c.emitter.numbers([block[i] ?? 1])]) : value))
  const wide = c.op('Reshape', [moved, c.op('Concat', [batch, ...grown], { axis: 0 })])
  const starts = block.map((_, i) => crops[2 * i] ?? 0)
  const ends = block.map((_, i) => ((crops[2 * i + 1] ?? 0) === 0 ? Number.MAX_SAFE_INTEGER : -(crops[2 * i + 1] ?? 0)))
  c.out(c.op('Slice', [wide, c.emitter.numbers(starts), c.emitter.numbers(ends), c.emitter.numbers(block.map((_, i) => i + 1))]))
})

const spaceToBatch: TfLowering = lowering(['Pad', 'Reshape', 'Transpose'], (c) => {
  const block = c.numbers(1, 'the block shape')
  const table = c.numbers(2, 'the paddings')
  const rank = c.rank(0)
  const m = block.length
  const list = new Array<number>(2 * rank).fill(0)
  block.forEach((_, i) => {
    list[i + 1] = table[2 * i] ?? 0
    list[i + 1 + rank] = table[2 * i + 1] ?? 0
  })
  const x = c.op('Pad', [c.in(0), c.emitter.numbers(list)])
  const size = (axis: number): Value => c.emitter.size(x, axis)
  const parts: Value[] = [size(0)]
  for (let i = 0; i < m; i++) parts.push(c.op('Div', [size(i + 1), c.emitter.numbers([block[i] ?? 1])]), c.emitter.numbers([block[i] ?? 1]))
  const rest = Array.from({ length: rank - 1 - m }, (_, i) => size(i + 1 + m))
  const apart = c.op('Reshape', [x, c.op('Concat', [...parts, ...rest], { axis: 0 })])
  const order = [...block.map((_, i) => 2 * i + 2), 0, ...block.map((_, i) => 2 * i + 1), ...rest.map((_, i) => 2 * m + 1 + i)]
  const batch = c.op('Mul', [size(0), c.emitter.numbers([elementCount(block)])])
  const small = block.map((_, i) => parts[2 * i + 1] as Value)
  c.out(c.op('Reshape', [c.op('Transpose', [apart], { perm: order }), c.op('Concat', [batch, ...small, ...rest], { axis: 0 })]))
})

export const arrays: Readonly<Record<string, TfLowering>> = {
  Const: lowering([], (c) => {
    const tensor = c.node.tensor('value')
    if (tensor === undefined) throw c.error('the constant has no value')
    c.out(c.emitter.tensor(c.lowerer.weight(tensor, c.node.name), c.node.name))
  }),
  Reshape: lowering(['Reshape'], (c) => {
    // A size of zero in TensorFlow is a size of zero.
    const zero = c.held(1).constant?.numbers().includes(0) === true
    c.out(c.op('Reshape', [c.in(0), shapeInput(c, 1)], zero ? { allowzero: 1 } : {}))
  }),
  ExpandDims: lowering(['Unsqueeze'], (c) => { c.out(unsqueezed(c, c.in(0), c.numbers(1, 'the axis'))) }),
  Squeeze: lowering(['Squeeze'], (c) => {
    const axes = c.node.ints('squeeze_dims').length > 0 ? c.node.ints('squeeze_dims') : c.node.ints('axis')
    c.out(c.op('Squeeze', [c.in(0), axes.length === 0 ? undefined : c.emitter.numbers(axes)].filter((value) => value !== undefined)))
  }),
  ConcatV2: concat('last'), Concat: concat('first'), Pack: pack, Unpack: unpack,
  Split: lowering(['Split'], (c) => { splitTo(c, 1, 0, c.node.int('num_split', 1)) }),
  SplitV: lowering(['Split'], (c) => { splitTo(c, 0, 2, c.numbers(1, 'the sizes')) }),
  StridedSlice: stridedSlice, Slice: slice,
  Pad: lowering(['Pad'], (c) => { pads(c, 'constant') }), PadV2: lowering(['Pad'], (c) => { pads(c, 'constant') }),
  MirrorPad: lowering(['Pad'], (c) => { pads(c, c.node.string('mode') === 'SYMMETRIC' ? 'edge' : 'reflect') }, 'symmetric padding by more than one'),
  GatherV2: gather, Gather: gather,
  GatherNd: lowering(['GatherND'], (c) => { c.out(c.op('GatherND', [c.in(0), c.int64(c.in(1))])) }),
  ScatterNd: lowering(['Expand', 'ScatterND'], (c) => {
    const zeros = c.op('Expand', [c.emitter.scalar(0, c.in(1).dtype ?? 'float32'), shapeInput(c, 2)])
    c.out(c.op('ScatterND', [zeros, c.int64(c.in(0)), c.in(1)], { reduction: 'add' }))
  }),
  TensorScatterUpdate: lowering(['ScatterND'], (c) => { c.out(c.op('ScatterND', [c.in(0), c.int64(c.in(1)), c.in(2)])) }),
  TensorScatterAdd: lowering(['ScatterND'], (c) => { c.out(c.op('ScatterND', [c.in(0), c.int64(c.in(1)), c.in(2)], { reduction: 'add' })) }),
  Fill: fill,
  BroadcastTo: lowering(['Expand'], (c) => { c.out(c.op('Expand', [c.in(0), shapeInput(c, 1)])) }),
  ZerosLike: like(0), OnesLike: like(1),
  Shape: shape,
  ShapeN: lowering(['Shape'], (c) => { c.inputs.forEach((h, i) => { c.out(c.emitter.cast(c.op('Shape', [h.value]), c.node.dtype('out_type') ?? 'int32'), i) }) }),
  Rank: lowering([], (c) => { c.out(c.emitter.scalar(c.rank(0), 'int32')) }),
  Size: lowering(['Size'], (c) => { c.out(c.emitter.cast(c.op('Size', [c.in(0)]), c.node.dtype('out_type') ?? 'int32')) }),
  Tile: lowering(['Tile'], (c) => { c.out(c.op('Tile', [c.in(0), shapeInput(c, 1)])) }),
  Transpose: transpose,
  Range: lowering(['Range'], (c) => { c.out(c.op('Range', [c.in(0), c.in(1), c.in(2)])) }),
  OneHot: oneHot,
  ReverseV2: lowering(['Slice'], (c) => {
    const axes = c.numbers(1, 'the axes').map((axis) => c.axis(axis, c.rank(0)))
    const all = (value: number): Value => c.emitter.numbers(axes.map(() => value))
    c.out(axes.length === 0 ? c.in(0) : c.op('Slice', [c.in(0), all(-1), all(Number.MIN_SAFE_INTEGER), c.emitter.numbers(axes), all(-1)]))
  }),
  DepthToSpace: blocks('DepthToSpace'), SpaceToDepth: blocks('SpaceToDepth'),
  BatchToSpaceND: batchToSpace, SpaceToBatchND: spaceToBatch,
  Where: lowering(['NonZero', 'Transpose'], (c) => { c.out(c.op('Transpose', [c.op('NonZero', [c.in(0)])], { perm: [1, 0] })) }),
  MatrixBandPart: lowering(['Trilu'], (c) => {
    const [low, high] = [c.numbers(1, 'the lower band')[0] ?? -1, c.numbers(2, 'the upper band')[0] ?? -1]
    let x = c.in(0)
    if (low >= 0) x = c.op('Trilu', [x, c.emitter.scalar(-low, 'int64')], { upper: 1 })
    if (high >= 0) x = c.op('Trilu', [x, c.emitter.scalar(high, 'int64')], { upper: 0 })
    c.out(x)
  }),
  InvertPermutation: lowering([], (c) => {
    const given = c.numbers(0, 'the permutation')
    c.out(c.emitter.tensor(Tensor.from(given.map((_, i) => given.indexOf(i)), [given.length], 'int32')))
  }),
  Placeholder: lowering([], (c) => { throw c.error('a placeholder is not among the inputs of the model', c.node.name, 'name the signature to convert, or the inputs and outputs') }),
  NoOp: lowering([], () => undefined),
  Assert: lowering([], () => undefined, 'the check'),
  VarHandleOp: lowering([], (c) => { c.give(Held.resource(c.emitter, c.node)) }),
  VariableV2: lowering([], (c) => { c.out(c.lowerer.variable(c.emitter, c.node)) }),
  Variable: lowering([], (c) => { c.out(c.lowerer.variable(c.emitter, c.node)) }),
  ReadVariableOp: lowering([], (c) => {
    const { handle } = c.held(0)
    if (handle === undefined) throw c.error('its input is no variable')
    c.out(c.lowerer.variable(c.emitter, handle))
  }),
  ResourceGather: lowering(['Gather'], (c) => {
    const { handle } = c.held(0)
    if (handle === undefined) throw c.error('its input is no variable')
    c.out(c.op('Gather', [c.lowerer.variable(c.emitter, handle), c.in(1)], { axis: 0 }))
  }),
}
