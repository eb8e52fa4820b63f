// The reference of the optimized model pipeline, rehearsed on the small digits: it runs from end to end, and the definition of
// done reads its files. No time is asserted; what does not depend on time must hold.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { readClaims } from '../../src/course/evaluation/claims'
import { loadDigits } from '../../src/data'
import { loadModel } from '../../src/onnx'
import { Session } from '../../src/runtime'

const root = path.resolve(__dirname, '..', '..')

interface Line { readonly id: string, readonly verdict: string, readonly reason: string, readonly evidence: readonly { readonly what: string, readonly value: string }[] }
let lines: readonly Line[]
let folder: string
beforeAll(() => {
  const ended = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(path.join(root, 'dist', 'cli', 'main.js'))}).main(process.argv)`,
    'whetstone', 'project', 'optimized_model_pipeline', '--rehearsal', '--quick', '--json'], { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  const last = ended.stdout.trim().split('\n').at(-1) ?? ''
  expect(last, ended.stderr).toMatch(/^\{/)
  const result = JSON.parse(last) as { folder: string, lines: Line[] }
  lines = result.lines
  folder = path.join(root, result.folder)
}, 600_000)
const line = (end: string): Line | undefined => lines.find(({ id }) => id.endsWith(end))

test('what does not depend on time is done: trained, compressed in three ways, converted', () => {
  for (const end of ['train-baseline-model', 'apply-compression', 'convert-to-onnx']) expect(line(end)).toMatchObject({ verdict: 'passed' })
})

test('what depends on time is measured, both ways', () => {
  for (const end of ['optimize-with-onnx-runtime', '10x-inference-speedup-with-2-percent', 'achieve-5xplus-speedup-on-a-model']) {
    expect(line(end)?.reason).toMatch(/times as fast as baseline\.onnx/)
  }
})

test('accuracy and bytes in the documents are those of the files, counted here by other code', () => {
  const held = loadDigits().split({ test: 0.2, seed: 0 }).test
  const claims = readClaims(readFileSync(path.join(folder, 'trade-offs.md'), 'utf8'))
  expect(new Set(claims.map(({ model }) => model)).size).toBe(5)
  for (const { model, metric, value } of claims) {
    if (metric === 'bytes') expect(readFileSync(path.join(folder, model)).length).toBe(value)
    if (metric !== 'accuracy') continue
    const session = Session.create(path.join(folder, model))
    const logits = session.runSync({ [session.inputs[0]?.name ?? '']: { dtype: 'float32', shape: [held.length, 8, 8, 1], data: Float32Array.from(held.features) } })['logits']?.data as Float32Array
    session.dispose()
    const right = Array.from(held.labels).filter((label, i) => Array.from(logits.subarray(10 * i, 10 * i + 10)).every((v, c) => c === label || v < (logits[10 * i + label] ?? NaN)))
    expect(Math.abs(right.length / held.length - value)).toBeLessThan(0.003)
  }
})

test('the report gives a factor for every step, and they multiply to the whole', () => {
  const report = readFileSync(path.join(folder, 'report.md'), 'utf8')
  const steps = [...report.matchAll(/^\| .+ \| ([\d.]+) \| ([\d.]+) × \|$/gm)].map((row) => Number(row[2]))
  expect(steps).toHaveLength(4)
  const [first, last] = [/optimizer off \| ([\d.]+)/.exec(report)?.[1], /optimization: .+ \| ([\d.]+) \|/.exec(report)?.[1]]
  expect(steps.reduce((a, b) => a * b, 1) / (Number(first) / Number(last))).toBeCloseTo(1, 1)
  expect(loadModel(path.join(folder, 'optimized.onnx')).graph.nodeCount).toBeGreaterThan(0)
})
