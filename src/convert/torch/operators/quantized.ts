// Quantization that PyTorch writes into the graph (pt2e): QuantizeLinear and DequantizeLinear.
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535],
}

/** ONNX quantizes over the whole range of the type; a narrower one is clamped afterwards. */
function clamped(c: TorchContext, value: Value): Value {
  const d = c.dtype(value)
  const [least, most] = RANGES[d] ?? [0, 0]
  const [low, high] = [c.int('quant_min', least), c.int('quant_max', most)]
  return low <= least && high >= most ? value : c.op('Clip', [value, c.scalar(Math.max(low, least), d), c.scalar(Math.min(high, most), d)])
}

function requireRange(c: TorchContext): void {
  if (RANGES[c.resultType] === undefined) throw c.error('it quantizes to a type that ONNX cannot', { expected: Object.keys(RANGES).join(', '), got: c.resultType })
}

function parameter(c: TorchContext, name: string, dtype: 'float32' | Parameters<TorchContext['scalar']>[1]): Value {
  const value = c.operand(name, dtype)
  return c.rank(value) === 1 && c.shape(value)[0] === 1 && !c.has('axis') ? c.squeeze(value, 0) : value
}

const quantize = (channel: boolean): TorchLowering => ({
  makes: ['QuantizeLinear', 'Clip'],
  lower: (c) => {
    requireRange(c)
    const [scale, zero] = channel ? ['scales', 'zero_points'] : ['scale', 'zero_point']
    const attributes = channel ? { axis: c.axis('axis', c.rank(c.tensor('input'))) } : {}
    c.set(clamped(c, c.op('QuantizeLinear', [c.tensor('input'), parameter(c, scale, 'float32'), parameter(c, zero, c.resultType)], attributes)))
  },
})

const dequantize = (channel: boolean): TorchLowering => ({
  makes: ['DequantizeLinear'],
  lower: (c) => {
    const x = c.tensor('input')
    const [scale, zero] = channel ? ['scales', 'zero_points'] : ['scale', 'zero_point']
    const attributes = channel ? { axis: c.axis('axis', c.rank(x)) } : {}
    const points = c.has(zero) ? [parameter(c, zero, c.dtype(x))] : []
    c.set(c.op('DequantizeLinear', [x, parameter(c, scale, 'float32'), ...points], attributes))
  },
})

export const quantized: Readonly<Record<string, TorchLowering>> = {
  'quantized_decomposed.quantize_per_tensor': quantize(false), 'quantized_decomposed.dequantize_per_tensor': dequantize(false),
  'quantized_decomposed.quantize_per_channel': quantize(true), 'quantized_decomposed.dequantize_per_channel': dequantize(true),
}
