import { describe, expect, test } from 'vitest'
import { build, run, weights } from '../../test/support/run'
import { displaySymbol, WhetstoneError } from '../core'
import { GraphBuilder, Node, Value, writeModel, type Model } from '../onnx'
import { deadCode, definePass, eliminateIdentity, explain, simplify, type Pass, type RunFunction } from './index'

/** Convolution, batch normalization, dropout and a reshape by computed shape: what an exporter writes. */
function exported(): Model {
  return build(17, (g) => {
    const x = g.input('x', 'float32', ['N', 2, 4, 4])
    const conv = g.op('Conv', [x, g.constant(weights([3, 2, 3, 3], 1), 'w')], {}, { name: 'conv' })
    const c = (seed: number) => g.constant(weights([3], seed, 0.1, 1))
    const norm = g.op('BatchNormalization', [conv, c(1), c(2), c(3), c(4)], {}, { name: 'norm' })
    const rate = g.op('Mul', [g.constant(0.5), g.constant(0.5)])
    const flat = g.op('Flatten', [g.op('Dropout', [norm, rate])])
    g.output(g.op('Identity', [flat]), 'y')
  })
}

const pass = (apply: (model: Model, changed: (rule: string, at: string, what: string) => void) => void): Pass => definePass({
  name: 'planted', summary: 'A pass with a fault.', handles: [], leavesAlone: [], why: () => [],
  apply: ({ model, changed }) => { apply(model, changed) },
})

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return error instanceof WhetstoneError ? error.code : String(error)
  }
  return 'nothing thrown'
}

describe('the contract of a pass is checked from outside', () => {
  test('a change that is not listed, and a listed change that is none', () => {
    const silent = pass((model) => { model.graph.nodes[0]?.setAttribute('group', 1) })
    expect(codeOf(() => silent.run(exported()))).toBe('OPTIMIZATION_CLAIM')
    const boasting = pass((_, changed) => { changed('r', 'y', 'everything') })
    expect(codeOf(() => boasting.run(exported()))).toBe('OPTIMIZATION_CLAIM')
  })

  test('a graph that is not whole: an undefined value, a wrong order, a lost output', () => {
    const dangling = pass((model, changed) => { model.graph.nodes[0]?.setInput(0, new Value('nobody')); changed('r', 'y', 'x') })
    expect(codeOf(() => dangling.run(exported()))).toBe('OPTIMIZATION_INVALID')
    const reversed = pass((model, changed) => { model.graph.reorder([...model.graph.nodes].reverse()); changed('r', 'y', 'x') })
    expect(codeOf(() => reversed.run(exported()))).toBe('OPTIMIZATION_INVALID')
    const lost = pass((model, changed) => { model.graph.setOutputs([]); changed('r', 'y', 'x') })
    expect(codeOf(() => lost.run(exported()))).toBe('OPTIMIZATION_INVALID')
  })

  test('the given model is never touched', () => {
    const model = exported()
    const before = writeModel(model)
    simplify(model, { run })
    expect(Buffer.compare(writeModel(model), before)).toBe(0)
  })
})

describe('simplify', () => {
  test('applies passes until nothing changes, proves the result, and reports', () => {
    const { model, modified, report } = simplify(exported(), { run, sizes: { N: 3 } })
    expect(modified).toBe(true)
    expect([...report.after.operators]).toEqual([['Conv', 1], ['Flatten', 1]])
    expect(report.before.nodes).toBe(6)
    expect(report.converged).toBe(true)
    expect(report.differences?.every(({ within }) => within)).toBe(true)
    expect(report.changes.map((change) => change.pass)).toContain('fuse-batch-normalization')
    expect(model.graph.outputs[0]?.name).toBe('y')
    const bundle = report[displaySymbol]()
    expect(bundle['text/plain']).toContain('6 → 2 nodes')
    expect(bundle['text/html']).toContain('<td>BatchNormalization</td><td>1</td><td><b>0</b></td>')
    expect(simplify(model).modified).toBe(false)
  })

  test('without a run function it says that nothing was proved', () => {
    expect(simplify(exported()).report.verdict).toBe('not verified: no run function was given')
  })

  test('refuses a model whose outputs differ', () => {
    const wrong = pass((model, changed) => {
      const conv = model.graph.nodes.find((node) => node.opType === 'Conv')
      if (conv?.int('group') !== undefined) return
      conv?.setAttribute('group', 1)
      const w = conv?.inputs[1]
      if (w !== undefined) model.graph.setInitializer(w, weights([3, 2, 3, 3], 99))
      changed('r', 'y', 'other weights')
    })
    expect(codeOf(() => simplify(exported(), { passes: [wrong], run }))).toBe('OPTIMIZATION_DIFFERS')
  })

  test('refuses a model that the runtime does not run', () => {
    let calls = 0
    const failing: RunFunction = (bytes, inputs) => {
      if (calls++ > 0) throw new Error('no such kernel')
      return run(bytes, inputs)
    }
    expect(codeOf(() => simplify(exported(), { passes: [eliminateIdentity], run: failing }))).toBe('OPTIMIZATION_DIFFERS')
  })

  test('refuses a model that is not whole, options that mean nothing, and inputs that cannot be made up', () => {
    const broken = exported()
    broken.graph.append(new Node('Neg', [new Value('nobody')]))
    expect(codeOf(() => simplify(broken))).toBe('OPTIMIZATION_INVALID')
    expect(codeOf(() => simplify(exported(), { passes: [] }))).toBe('OPTIMIZATION_OPTION')
    const g = new GraphBuilder('untyped')
    g.output(g.op('Neg', [g.op('Identity', [g.input('x', { kind: 'tensor', dtype: 'float32' })])]), 'y')
    expect(codeOf(() => simplify(g.model(), { run }))).toBe('OPTIMIZATION_INPUTS')
  })

  test('two passes that undo each other end, and the report says so', () => {
    const flip = pass((model, changed) => {
      const node = model.graph.nodes[1]
      node?.setAttribute('epsilon', node.float('epsilon', 0.25) === 0.25 ? 0.5 : 0.25)
      changed('r', 'y', 'flipped')
    })
    expect(simplify(exported(), { passes: [flip] }).report.converged).toBe(false)
  })

  test('not a number equals not a number, and nothing else', () => {
    const answer = (value: number): RunFunction => () => ({ y: { dtype: 'float32', shape: [1], data: new Float32Array([value]) } })
    let calls = 0
    const changing: RunFunction = (bytes, inputs) => answer(calls++ === 0 ? Number.NaN : 0)(bytes, inputs)
    expect(simplify(exported(), { run: answer(Number.NaN), passes: [eliminateIdentity] }).modified).toBe(true)
    expect(codeOf(() => simplify(exported(), { run: changing, passes: [eliminateIdentity] }))).toBe('OPTIMIZATION_DIFFERS')
  })
})

test('explain names every rule and refuses a node that is not there', () => {
  const model = exported()
  const answer = explain(model, eliminateIdentity, 'y')
  expect(answer.fires).toBe(true)
  expect(answer.toString()).toContain('✓ identity')
  expect(answer[displaySymbol]()['text/plain']).toBe(answer.toString())
  expect(codeOf(() => explain(model, deadCode, 'nobody'))).toBe('OPTIMIZATION_NODE')
  expect(codeOf(() => explain(model, deadCode, new Node('Neg', [])))).toBe('OPTIMIZATION_NODE')
})
