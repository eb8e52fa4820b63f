// Sizes as numbers, conditions, and what a converted graph does not need.
import { addDims, type Dim, floorDivDims, mulDims, subDims, type Value } from '../../../onnx'
import type { SizeValue } from '../arguments'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** Assertions and the like: nothing is computed. */
const nothing: TorchLowering = { makes: [], lower: () => undefined }

const binarySize = (type: string, of: (a: Dim, b: Dim) => Dim): TorchLowering => ({
  makes: [type],
  lower: (c) => {
    const [a, b] = [c.size(0), c.size(1)]
    c.setSize({ dim: of(a.dim, b.dim), vector: () => c.op(type, [a.vector(), b.vector()]) })
  },
})

const unknown = (): Dim => null

/** A size or number that is not a tensor in PyTorch, as a float64 of no axes. */
function real(c: TorchContext, position: number): Value {
  const argument = c.node.positional[position]
  if (argument?.kind === 'int' || argument?.kind === 'float') return c.scalar(argument.value, 'float64')
  if (argument?.kind === 'symFloat') return c.cast(c.lowerer.cell(argument.name).value, 'float64')
  return c.cast(c.squeeze(c.size(position).vector(), 0), 'float64')
}

const binaryReal = (type: string): TorchLowering => ({
  makes: ['Cast', type], lower: (c) => { c.set(c.op(type, [real(c, 0), real(c, 1)])) },
})

const unaryReal = (type: string): TorchLowering => ({ makes: ['Cast', type], lower: (c) => { c.set(c.op(type, [real(c, 0)])) } })

const sizeOf: TorchLowering = {
  makes: ['Shape'],
  lower: (c) => {
    const value = c.tensor('self')
    c.setSize(c.sizeOf(value, c.axis('dim', c.rank(value))))
  },
}

/** A graph inside the model that is simply run: what it is wrapped for (gradients, precision) is nothing in inference. */
const inlined = (at: number): TorchLowering => ({
  makes: [], limits: 'autocast that changes the precision',
  lower: (c) => {
    const graph = c.node.positional[at]
    if (graph?.kind !== 'graph') throw c.error('it has no graph')
    const operands = c.node.positional.slice(at + 1).flatMap((argument) =>
      argument.kind === 'tensors' ? argument.names.map((one) => ({ kind: 'tensor' as const, name: one ?? '' })) : [argument])
    const results = c.lowerer.inline(graph.graph, operands)
    results.forEach((result, i) => {
      const name = c.results[i]
      if (result === undefined || name === undefined || name === '') return
      if ('dim' in result) c.lowerer.defineSize(name, result)
      else c.lowerer.define(name, result)
    })
  },
})

/** torch.cond: both branches as graphs of an If. */
const condition: TorchLowering = {
  makes: ['If'],
  lower: (c) => {
    const [pred, then, otherwise, given] = c.node.positional
    if (then?.kind !== 'graph' || otherwise?.kind !== 'graph' || given?.kind !== 'tensors') throw c.error('it has another form than torch.cond')
    const list = given.names.map((name) => ({ kind: 'tensor' as const, name: name ?? '' }))
    if (pred?.kind !== 'tensor') throw c.error('its condition is no tensor', { fix: 'a condition on a shape is decided when exporting: write it with if' })
    const predicate = c.reshape(c.cast(c.lowerer.cell(pred.name).value, 'bool'), [])
    // What the branches read must be there before them: weights are added when they are first read.
    for (const { name } of list) c.lowerer.cell(name)
    const branch = (graph: typeof then, name: string): ReturnType<TorchContext['lowerer']['subgraph']> => c.lowerer.subgraph(name, () =>
      c.lowerer.inline(graph.graph, list).map((result): Value => {
        if (result === undefined || 'dim' in result) throw c.error('a branch returns something other than tensors')
        return result.value
      }))
    const values = c.ops('If', [predicate], { then_branch: branch(then, 'then'), else_branch: branch(otherwise, 'else') }, c.results.length)
    c.setAll(values)
  },
}

export const control: Readonly<Record<string, TorchLowering>> = {
  'aten.sym_size': sizeOf,
  'aten.sym_numel': {
    makes: ['Size'],
    lower: (c) => {
      const value = c.tensor('self')
      const size: SizeValue = {
        dim: c.shape(value).reduce<Dim>(mulDims, 1), vector: () => c.op('Reshape', [c.op('Size', [value]), c.vector([1])]),
      }
      c.setSize(size)
    },
  },
  '_operator.add': binarySize('Add', addDims), '_operator.sub': binarySize('Sub', subDims), '_operator.mul': binarySize('Mul', mulDims),
  '_operator.floordiv': binarySize('Div', floorDivDims), '_operator.mod': binarySize('Mod', unknown),
  'torch.sym_max': binarySize('Max', unknown), 'torch.sym_min': binarySize('Min', unknown), 'sym_max': binarySize('Max', unknown), 'sym_min': binarySize('Min', unknown),
  '_operator.truediv': binaryReal('Div'), '_operator.pow': binaryReal('Pow'), 'torch.sym_sqrt': unaryReal('Sqrt'), 'torch._sym_sqrt': unaryReal('Sqrt'),
  'torch.sym_float': { makes: ['Cast'], lower: (c) => { c.set(real(c, 0)) } },
  '_operator.neg': { makes: ['Neg'], lower: (c) => {
    const size = c.size(0)
    c.setSize({ dim: subDims(0, size.dim), vector: () => c.op('Neg', [size.vector()]) })
  } },
  '_operator.ge': nothing, '_operator.le': nothing, '_operator.gt': nothing, '_operator.lt': nothing, '_operator.eq': nothing, '_operator.ne': nothing, '_operator.and_': nothing,
  'aten._assert_tensor_metadata': nothing, 'aten._assert_scalar': nothing, 'aten._assert_async': nothing, 'aten.sym_constrain_range_for_size': nothing,
  'aten.sym_constrain_range': nothing, 'aten.sym_is_contiguous': nothing, '_check_is_size': nothing, 'aten._assert_not_zero': nothing,
  'higher_order.wrap_with_set_grad_enabled': inlined(1), 'higher_order.wrap_with_autocast': inlined(4),
  'higher_order.cond': condition,
}
