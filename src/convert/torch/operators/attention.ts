// Scaled dot-product attention: softmax(q kᵀ · scale + mask) v.
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

interface Heads {
  readonly query: Value
  readonly key: Value
  readonly value: Value
  readonly mask: Value | undefined
  readonly causal: boolean
  readonly scale: number | undefined
  /** Whether key and value have fewer heads, each for several of the query's. */
  readonly grouped: boolean
}

export function attend(c: TorchContext, { query, key, value, mask, causal, scale, grouped }: Heads): Value {
  const d = c.dtype(query)
  const rank = c.rank(query)
  const width = c.shape(query)[rank - 1]
  const factor = scale ?? (typeof width === 'number' ? 1 / Math.sqrt(width) : undefined)
  if (factor === undefined) throw c.error('the width of the heads is not known')
  const [k, v] = grouped ? [repeated(c, key, query), repeated(c, value, query)] : [key, value]
  const order = Array.from({ length: rank }, (_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i))
  const scores = c.op('MatMul', [query, c.transpose(k, order)])
  const scaled = factor === 1 ? scores : c.op('Mul', [scores, c.scalar(factor, d)])
  const bias = mask ?? (causal ? causalMask(c, query, key) : undefined)
  const masked = bias === undefined ? scaled : c.op('Add', [scaled, bias.dtype === 'bool' ? additive(c, bias, d) : c.cast(bias, d)])
  const weights = c.op('Softmax', [masked], { axis: -1 })
  // A row that masks everything has no weights: PyTorch makes them zero.
  const safe = bias?.dtype === 'bool' && !causal ? c.op('Where', [c.op('IsNaN', [weights]), c.scalar(0, d), weights]) : weights
  return c.op('MatMul', [safe, v])
}

/** 0 where the mask holds, −∞ elsewhere. */
function additive(c: TorchContext, mask: Value, d: ReturnType<TorchContext['dtype']>): Value {
  return c.op('Where', [mask, c.scalar(0, d), c.scalar(-Infinity, d)])
}

/** Which keys a query may see: those at its place and before, both counted from the start. */
function causalMask(c: TorchContext, query: Value, key: Value): Value {
  const [rows, columns] = [query, key].map((of) => c.sizeOf(of, c.rank(of) - 2))
  if (rows === undefined || columns === undefined) throw c.error('the lengths of query and key are not known')
  if (typeof rows.dim === 'number' && typeof columns.dim === 'number' && rows.dim * columns.dim <= 2 ** 20) {
    const [n, m] = [rows.dim, columns.dim]
    return c.lowerer.constant(Array.from({ length: n * m }, (_, i) => Number(i % m <= Math.floor(i / m))), 'bool', [n, m])
  }
  const ones = c.op('Expand', [c.scalar(1, 'int64'), c.vectorOf([rows, columns])])
  return c.cast(c.op('Trilu', [ones, c.scalar(0, 'int64')], { upper: 0 }), 'bool')
}

/** [N, h, L, E] → [N, H, L, E]: each head as often as the query has heads for it. */
function repeated(c: TorchContext, value: Value, query: Value): Value {
  const [batch, heads, length, width] = c.sizesOf(value)
  const all = c.shape(query)[1]
  if (batch === undefined || length === undefined || width === undefined || typeof heads?.dim !== 'number' || typeof all !== 'number') throw c.error('the numbers of heads are not known')
  if (heads.dim === all) return value
  const times = all / heads.dim
  const spread = c.op('Tile', [c.unsqueeze(value, 2), c.vector([1, 1, times, 1, 1])])
  return c.reshape(spread, [batch, c.fixed(all), length, width])
}

const sdpa: TorchLowering = {
  makes: ['Transpose', 'MatMul', 'Mul', 'Add', 'Softmax'], limits: 'dropout',
  lower: (c) => {
    if (c.float('dropout_p', 0) > 0) throw c.error('attention was exported with dropout', { fix: 'call module.eval() before torch.export.export' })
    c.set(attend(c, {
      query: c.tensor('query'), key: c.tensor('key'), value: c.tensor('value'), mask: c.optional('attn_mask') ?? c.optional('attn_bias'),
      causal: c.bool('is_causal'), scale: c.has('scale') ? c.float('scale') : undefined, grouped: c.bool('enable_gqa'),
    }))
  },
}

export const attention: Readonly<Record<string, TorchLowering>> = {
  'aten.scaled_dot_product_attention': sdpa,
  'aten._scaled_dot_product_flash_attention_for_cpu': sdpa, 'aten._scaled_dot_product_flash_attention': sdpa,
  'aten._scaled_dot_product_efficient_attention': sdpa, 'aten._scaled_dot_product_attention_math': sdpa,
}
