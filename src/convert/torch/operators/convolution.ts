// Convolutions, also grouped, dilated, transposed, and with padding by name.
import type { Attributes, Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** One number stands for all axes. */
function spread(values: readonly number[], rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => values[i] ?? values[0] ?? 1)
}

interface Parts {
  readonly weight: Value
  readonly bias: Value | undefined
  readonly space: number
}

/** Runs `convolve` on the input with a batch axis, which PyTorch lets one leave out. */
function batched(c: TorchContext, convolve: (x: Value, parts: Parts) => Value): void {
  const [x, weight, bias] = [c.tensor('input'), c.tensor('weight'), c.optional('bias')]
  const space = c.rank(weight) - 2
  const single = c.rank(x) === space + 1
  const y = convolve(single ? c.unsqueeze(x, 0) : x, { weight, bias, space })
  c.set(single ? c.squeeze(y, 0) : y)
}

function forward(c: TorchContext, x: Value, { weight, bias, space }: Parts): Value {
  const [strides, dilations] = [spread(c.ints('stride', [1]), space), spread(c.ints('dilation', [1]), space)]
  const padding = c.argument('padding')
  const kernel = c.shape(weight).slice(2)
  const attributes: Attributes = { strides, dilations, group: c.int('groups', 1) }
  const inputs = [x, weight, ...(bias === undefined ? [] : [bias])]
  if (kernel.every((size) => typeof size === 'number')) Object.assign(attributes, { kernel_shape: kernel })
  if (padding?.kind === 'string') {
    if (padding.value === 'valid') return c.op('Conv', inputs, attributes)
    // "same" puts the odd one at the end, as SAME_UPPER does; strides are 1 there.
    const total = kernel.map((size, i) => (dilations[i] ?? 1) * (Number(size) - 1))
    return c.op('Conv', inputs, { ...attributes, pads: [...total.map((pad) => Math.floor(pad / 2)), ...total.map((pad) => Math.ceil(pad / 2))] })
  }
  const pads = spread(c.ints('padding', [0]), space)
  return c.op('Conv', inputs, { ...attributes, pads: [...pads, ...pads] })
}

function transposed(c: TorchContext, x: Value, { weight, bias, space }: Parts): Value {
  const [pads, strides, extra] = [spread(c.ints('padding', [0]), space), spread(c.ints('stride', [1]), space), spread(c.ints('output_padding', [0]), space)]
  const attributes: Attributes = { strides, dilations: spread(c.ints('dilation', [1]), space), group: c.int('groups', 1) }
  const inputs = [x, weight, ...(bias === undefined ? [] : [bias])]
  if (extra.every((more, i) => more < (strides[i] ?? 1))) return c.op('ConvTranspose', inputs, { ...attributes, pads: [...pads, ...pads], output_padding: extra })
  // Runtimes want the output padding below the stride; beyond it, padding at the end is that much less.
  if (extra.some((more, i) => more > (pads[i] ?? 0))) throw c.error('its output padding is beyond stride and padding', { got: extra.join(', '), fix: 'pad the result instead' })
  return c.op('ConvTranspose', inputs, { ...attributes, pads: [...pads, ...pads.map((pad, i) => pad - (extra[i] ?? 0))] })
}

const convolve: TorchLowering = { makes: ['Conv'], lower: (c) => { batched(c, (x, parts) => forward(c, x, parts)) } }
const convolveTransposed: TorchLowering = { makes: ['ConvTranspose'], lower: (c) => { batched(c, (x, parts) => transposed(c, x, parts)) } }
const either: TorchLowering = {
  makes: ['Conv', 'ConvTranspose'],
  lower: (c) => { batched(c, (x, parts) => (c.bool('transposed') ? transposed(c, x, parts) : forward(c, x, parts))) },
}

export const convolution: Readonly<Record<string, TorchLowering>> = {
  'aten.conv1d': convolve, 'aten.conv2d': convolve, 'aten.conv3d': convolve,
  'aten.conv_transpose1d': convolveTransposed, 'aten.conv_transpose2d': convolveTransposed, 'aten.conv_transpose3d': convolveTransposed,
  'aten.convolution': either, 'aten._convolution': either,
  'aten.im2col': {
    makes: ['Pad', 'Slice', 'Concat', 'Reshape'], limits: 'channels, height and width must be known',
    lower: (c) => {
      const [kernel, dilation, padding, stride] = [spread(c.ints('kernel_size'), 2), spread(c.ints('dilation', [1]), 2), spread(c.ints('padding', [0]), 2), spread(c.ints('stride', [1]), 2)]
      const [py = 0, px = 0] = padding
      const x = c.tensor('self')
      const padded = py === 0 && px === 0 ? x : c.op('Pad', [x, c.vector([0, 0, py, px, 0, 0, py, px])])
      const [batch, channels, height, width] = c.sizesOf(padded)
      if (batch === undefined || typeof channels?.dim !== 'number' || typeof height?.dim !== 'number' || typeof width?.dim !== 'number') throw c.error('it needs known channels, height and width')
      const [ky = 1, kx = 1] = kernel
      const [dy = 1, dx = 1] = dilation
      const [sy = 1, sx = 1] = stride
      const rows = Math.floor((height.dim - dy * (ky - 1) - 1) / sy) + 1
      const columns = Math.floor((width.dim - dx * (kx - 1) - 1) / sx) + 1
      const pieces: Value[] = []
      for (let i = 0; i < ky; i++) for (let j = 0; j < kx; j++) {
        const piece = c.op('Slice', [padded, c.vector([i * dy, j * dx]), c.vector([i * dy + (rows - 1) * sy + 1, j * dx + (columns - 1) * sx + 1]), c.vector([2, 3]), c.vector([sy, sx])])
        pieces.push(c.unsqueeze(piece, 2))
      }
      const all = c.op('Concat', pieces, { axis: 2 })
      c.set(c.reshape(all, [batch, c.fixed(channels.dim * ky * kx), c.fixed(rows * columns)]))
    },
  },
  'aten.col2im': {
    makes: ['Col2Im'],
    lower: (c) => {
      const pads = spread(c.ints('padding', [0]), 2)
      c.set(c.op('Col2Im', [c.tensor('self'), c.vector(c.ints('output_size')), c.vector(c.ints('kernel_size'))], {
        dilations: spread(c.ints('dilation', [1]), 2), pads: [...pads, ...pads], strides: spread(c.ints('stride', [1]), 2),
      }))
    },
  },
}
