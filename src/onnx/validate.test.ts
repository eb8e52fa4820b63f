import { describe, expect, test } from 'vitest'
import { assertValid, build, cloneModel, FunctionDefinition, GraphBuilder, Model, Node, Value, validateModel, writeModel } from './index'

function model(): Model {
  return build('m', (g) => {
    const x = g.input('x', 'float32', ['N', 4])
    g.output(g.op('Add', [g.op('Relu', [x], {}, { name: 'relu' }), 1], {}, { name: 'add' }), 'y')
  })
}
const rules = (of: Model) => validateModel(of).map(({ rule }) => rule)

describe('the validator', () => {
  test('a built model is valid, and validating does not change it', () => {
    const subject = model()
    const before = writeModel(subject)
    expect(validateModel(subject)).toEqual([])
    expect(Buffer.compare(writeModel(subject), before)).toBe(0)
  })

  test('each broken rule is named with its place', () => {
    const cases: [string, (m: Model) => void][] = [
      ['ir-version', (m) => { m.irVersion = 99 }],
      ['opset-missing', (m) => { m.opsets.clear() }],
      ['graph-name', (m) => { m.graph.name = '' }],
      ['unknown-operator', (m) => { m.graph.nodes[0]!.opType = 'Reul' }],
      ['unknown-domain', (m) => { m.graph.nodes[0]!.domain = 'com.example' }],
      ['attribute-unknown', (m) => { m.graph.nodes[0]!.setAttribute('beta', 1) }],
      ['undefined-value', (m) => { m.graph.nodes[0]!.setInput(0, new Value('nowhere')) }],
      ['arity', (m) => { m.graph.nodes[0]!.setInputs([]) }],
      ['node-order', (m) => { m.graph.reorder([...m.graph.nodes].reverse()) }],
      ['value-type', (m) => { m.graph.inputs[0]!.type = undefined }],
      ['input-type', (m) => { m.graph.inputs[0]!.type = { kind: 'tensor', dtype: 'string' } }],
      ['initializer-input', (m) => { m.irVersion = 3 }],
      ['single-assignment', (m) => { m.graph.append(new Node('Neg', [m.graph.inputs[0]], ['y'])) }],
      ['cycle', (m) => { m.graph.nodes[0]!.setInput(0, m.graph.nodes[1]!.output) }],
      ['inference', (m) => { m.graph.outputs[0]!.type = { kind: 'tensor', dtype: 'float32', shape: [1, 2, 3] } }],
      ['attribute-reference', (m) => { m.graph.nodes[0]!.setAttribute('x', { kind: 'reference', name: 'a', of: 'int' }) }],
    ]
    for (const [rule, breakIt] of cases) {
      const subject = model()
      breakIt(subject)
      expect(rules(subject), rule).toContain(rule)
    }
  })

  test('an operator of a newer set says from which version on it exists', () => {
    const subject = model()
    subject.opsets.set('', 17)
    subject.graph.nodes[0]!.opType = 'Gelu'
    expect(validateModel(subject)[0]).toMatchObject({ rule: 'unknown-operator', operator: 'Gelu', expected: 'version 20 or newer', graph: 'm' })
    expect(() => { assertValid(subject) }).toThrow(/breaks 1 rule[\s\S]*unknown-operator/)
  })

  test('functions that call each other in a circle', () => {
    const body = (calls: string) => {
      const g = new GraphBuilder(calls, { check: false })
      g.output(g.op(calls, [g.input('x', { kind: 'unknown' })], {}, { domain: 'my' }))
      return g.graph
    }
    const opsets = new Map([['my', 1]])
    const subject = cloneModel(new Model(model().graph, {
      opsets: { '': 21, my: 1 }, functions: [new FunctionDefinition('my', 'F', body('G'), opsets), new FunctionDefinition('my', 'G', body('F'), opsets)],
    }))
    expect(rules(subject)).toContain('function-recursive')
  })
})
