import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { INFERENCE } from '../infer/table'
import { operatorsPage } from './page'
import { allSchemas, schemaOf } from './schema'

describe('schemas', () => {
  test('the version in force is the newest that is not newer than the operator set', () => {
    // From the change log of ONNX's operators.
    expect([6, 9, 10, 11, 12, 13, 23].map((version) => schemaOf('Clip', version)?.since)).toEqual([6, 6, 6, 11, 12, 13, 13])
    expect(schemaOf('Gelu', 19)).toBeUndefined()
    expect(schemaOf('Upsample', 10)?.deprecated).toBe(true)
    expect(schemaOf('TreeEnsembleRegressor', 3, 'ai.onnx.ml')?.since).toBe(3)
  })

  test('parameters, attributes and type variables', () => {
    const conv = schemaOf('Conv', 11)!
    expect(conv.inputs.map(({ name, mode }) => [name, mode])).toEqual([['X', 'required'], ['W', 'required'], ['B', 'optional']])
    expect(conv.attributes.get('group')).toEqual({ name: 'group', kind: 'int', required: false, default: 1 })
    expect([...conv.variables.get('T')!].sort()).toEqual(['float16', 'float32', 'float64'])
    expect(schemaOf('If', 16)!.attributes.get('then_branch')).toMatchObject({ kind: 'graph', required: true })
    expect(schemaOf('Concat', 13)!.inputs[0]).toMatchObject({ mode: 'variadic', least: 1, homogeneous: true })
    expect(schemaOf('Loop', 13)!.inputs[2]).toMatchObject({ mode: 'variadic', least: 0, homogeneous: false })
  })

  test('every inference function belongs to an operator; at least 150 operators have one', () => {
    const names = new Set([...allSchemas()].filter((schema) => schema.domain === '').map((schema) => schema.name))
    const inferred = Object.keys(INFERENCE['']!)
    expect(inferred.filter((name) => !names.has(name))).toEqual([])
    expect(inferred.filter((name) => schemaOf(name, 23) !== undefined).length).toBeGreaterThan(150)
  })

  test('docs/onnx-operators.md is what the tables say', async () => {
    await expect(operatorsPage()).toMatchFileSnapshot(path.join(__dirname, '../../../docs/onnx-operators.md'))
  })
})
