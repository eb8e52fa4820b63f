import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { build, formatShape, GraphBuilder, inferShapes, readModel, Tensor, writeModel, type Dim, type Model, type Value } from '../index'
import { addDims, ceilDivDims, exactDivDims, floorDivDims, mulDims, subDims } from './dims'

const shapeOf = (value: Value) => (value.shape === undefined ? 'unknown' : formatShape(value.shape))
const int64 = (...values: number[]) => Tensor.from(values.map(BigInt), [values.length])

/** The model without the types that building gave to it. */
function forget(model: Model): Model {
  const read = readModel(writeModel(model))
  for (const value of read.graph.values()) if (!value.isGraphInput) value.type = undefined
  return read
}

describe('sizes with symbols', () => {
  test('are written in one way', () => {
    expect(addDims('N', 1)).toBe('N + 1')
    expect(subDims(addDims('N', 'M'), 'N')).toBe('M')
    expect(mulDims(addDims('N', 1), 2)).toBe('2*N + 2')
    expect(exactDivDims(mulDims('N', 12), 4)).toBe('3*N')
    expect(floorDivDims('N', 2)).toBe('floor((N)/(2))')
    expect(floorDivDims(mulDims('N', 6), 'N')).toBe(6)
    expect(addDims('not an expression!', 1)).toBeNull()
    expect(mulDims(null, 0)).toBe(0)
  })

  test('agree with numbers put in for the symbols', () => {
    const leaf = fc.oneof(fc.constantFrom('N', 'M'), fc.integer({ min: 1, max: 6 }))
    const { tree } = fc.letrec<{ tree: [Dim, (n: number, m: number) => number] }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf.map((dim): [Dim, (n: number, m: number) => number] => [dim, (n, m) => (dim === 'N' ? n : dim === 'M' ? m : (dim))]),
        fc.tuple(fc.nat(4), tie('tree'), tie('tree')).map(([op, [a, f], [b, g]]): [Dim, (n: number, m: number) => number] => {
          if (op === 0) return [addDims(a, b), (n, m) => f(n, m) + g(n, m)]
          if (op === 1) return [subDims(a, b), (n, m) => f(n, m) - g(n, m)]
          if (op === 2) return [mulDims(a, b), (n, m) => f(n, m) * g(n, m)]
          const by = op === 3 ? floorDivDims(a, 3) : ceilDivDims(a, 3)
          return [by, (n, m) => Math[op === 3 ? 'floor' : 'ceil'](f(n, m) / 3)]
        }),
      ),
    }))
    const evaluate = (dim: Dim, n: number, m: number): number => {
      const text = String(dim).replaceAll('floor', 'Math.floor').replaceAll('ceil', 'Math.ceil')
      return runInNewContext(text, { N: n, M: m, Math }) as number
    }
    fc.assert(fc.property(tree, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), ([dim, exact], n, m) => {
      if (dim !== null) expect(evaluate(dim, n, m)).toBe(exact(n, m))
      // What was printed can be calculated with again.
      if (typeof dim === 'string') expect(subDims(dim, dim)).toBe(0)
    }))
  })
})

describe('inference', () => {
  test('a convolutional network with a symbolic batch', () => {
    const model = build('cnn', (g) => {
      const x = g.input('x', 'float32', ['N', 1, 28, 28])
      const conv = g.op('Conv', [x, g.constant(new Float32Array(16 * 25), 'w', 'float32', [16, 1, 5, 5])], { pads: [2, 2, 2, 2] })
      const pooled = g.op('MaxPool', [g.op('Relu', [conv])], { kernel_shape: [2, 2], strides: [2, 2] })
      const flat = g.op('Reshape', [pooled, int64(0, -1)])
      g.output(g.op('Gemm', [flat, g.constant(new Float32Array(16 * 14 * 14 * 10), 'fc', 'float32', [3136, 10])]), 'y')
    })
    expect(shapeOf(model.graph.outputs[0]!)).toBe('[N,10]')
    const again = forget(model)
    expect(inferShapes(again).problems).toEqual([])
    expect(again.graph.nodes.map((node) => shapeOf(node.output))).toEqual(['[N,16,28,28]', '[N,16,28,28]', '[N,16,14,14]', '[N,3136]', '[N,10]'])
  })

  test('shapes that the model computes: Shape, Gather, arithmetic, Concat, Reshape, Expand, Slice', () => {
    const model = build('attention heads', (g) => {
      const x = g.input('x', 'float32', ['batch', 'sequence', 64])
      const shape = g.op('Shape', [x])
      const batch = g.op('Gather', [shape, Tensor.scalar(0n)])
      const length = g.op('Gather', [shape, Tensor.scalar(1n)])
      const unsqueeze = (value: Value) => g.op('Unsqueeze', [value, int64(0)])
      const target = g.op('Concat', [unsqueeze(batch), unsqueeze(length), int64(4), int64(16)], { axis: 0 })
      const heads = g.op('Transpose', [g.op('Reshape', [x, target])], { perm: [0, 2, 1, 3] })
      g.output(heads, 'heads')
      g.output(g.op('Concat', [heads, heads], { axis: 2 }), 'twice')
      const scores = g.op('MatMul', [heads, g.op('Transpose', [heads], { perm: [0, 1, 3, 2] })])
      g.output(scores, 'scores')
      g.output(g.op('Slice', [scores, int64(0), int64(-1), int64(3)]), 'short')
      g.output(g.op('ConstantOfShape', [g.op('Mul', [unsqueeze(length), int64(2)])]), 'mask')
    })
    expect(model.graph.outputs.map(shapeOf)).toEqual([
      '[batch,4,sequence,16]', '[batch,4,2*sequence,16]', '[batch,4,sequence,sequence]', '[batch,4,sequence,sequence - 1]', '[2*sequence]',
    ])
  })

  test('branches, loops and scans', () => {
    const model = build('control', (g) => {
      const x = g.input('x', 'float32', ['N', 3])
      const flag = g.input('flag', 'bool', [])
      const then = g.subgraph('then', (b) => b.output(b.op('Concat', [x, x], { axis: 1 })))
      const otherwise = g.subgraph('else', (b) => b.output(b.op('Add', [b.op('Concat', [x, x], { axis: 1 }), 1])))
      g.output(g.op('If', [flag], { then_branch: then, else_branch: otherwise }), 'if')
      const body = g.subgraph('body', (b) => {
        b.input('i', 'int64', [])
        const cond = b.input('cond', 'bool', [])
        const sum = b.input('sum', 'float32')
        b.output(b.op('Identity', [cond]))
        b.output(b.op('Add', [sum, x]))
        b.output(b.op('ReduceSum', [x, int64(0)], { keepdims: 0 }))
      })
      const [carried, stack] = g.ops('Loop', [Tensor.scalar(5n), undefined, x], { body }, { outputs: ['carried', 'stack'] })
      g.output(carried!)
      g.output(stack!)
    })
    expect(model.graph.outputs.map((value) => [value.dtype, shapeOf(value)])).toEqual([['float32', '[N,6]'], ['float32', 'unknown'], ['float32', '[?,3]']])
  })

  test('a mistake is reported where it is made', () => {
    const g = new GraphBuilder('wrong')
    const x = g.input('x', 'float32', ['N', 4])
    const w = g.constant(new Float32Array(15), 'w', 'float32', [5, 3])
    expect(() => g.op('MatMul', [x, w])).toThrow(/inner sizes[\s\S]*expected: 4[\s\S]*got: +5/)
    expect(() => g.op('Concat', [x, w], { axis: 2 })).toThrow(/axis is outside/)
    expect(() => g.op('Add', [x, g.input('i', 'int64', [4])])).toThrow(/another type/)
    expect(() => g.op('Reul', [x])).toThrow(/no operator Reul/)
    expect(() => g.op('Relu', [x, x])).toThrow(/wrong number of inputs/)
    expect(() => g.op('Softmax', [x], { axes: 1 })).toThrow(/no attribute axes/)
    expect(() => g.op('Gemm', [x, w], { alpha: 'big' })).toThrow(/wrong kind/)
    expect(g.graph.nodeCount).toBe(0)
  })

  test('stated types that are not so are found', () => {
    const model = build('m', (g) => g.output(g.op('Relu', [g.input('x', 'float32', [2, 3])]), 'y'))
    model.graph.outputs[0]!.type = { kind: 'tensor', dtype: 'float32', shape: [2, 4] }
    expect(inferShapes(model).problems.map((problem) => problem.code)).toEqual(['ONNX_INFER'])
  })
})
