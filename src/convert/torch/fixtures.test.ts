import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { run, simplify } from '../../../test/support/run'
import { assertValid, Tensor } from '../../onnx'
import { convert } from '../convert'
import { archivedSample } from '../samples'
import { verifyConversion, type Sample } from '../verify'

// Archives that PyTorch 2.13 wrote, with PyTorch's own outputs inside: test/support/convert/torch/make.py.
const folder = path.join(__dirname, '../../../test/support/convert/torch/fixtures')
const names = readdirSync(folder).filter((name) => name.endsWith('.pt2')).sort()
const load = (name: string): Uint8Array => new Uint8Array(readFileSync(path.join(folder, name)))

/** Half precision has three digits. */
const tolerance = (name: string): number => (name.startsWith('half') ? 5e-3 : 1e-4)

/** Both one after the other along the first axis. */
function doubled(tensor: Tensor): Tensor {
  const [first = 1, ...rest] = tensor.shape
  return Tensor.ofBytes(tensor.dtype, [2 * first, ...rest], Buffer.concat([tensor.bytes, tensor.bytes]))
}

describe('every fixture computes what PyTorch computes', () => {
  test.each(names)('%s', (name) => {
    const archive = load(name)
    const { model, report } = convert(archive, { samples: [archivedSample(archive)], run, tolerance: tolerance(name) })
    assertValid(model)
    expect(report.errors?.length).toBeGreaterThan(0)
    expect(report.operators.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(0)
  })
})

const architectures = names.filter((name) => name.startsWith('tiny_') && !name.includes('.core'))

test.each(architectures)('%s: another batch, after simplify, and in the oldest and newest opset', (name) => {
  const archive = load(name)
  const sample = archivedSample(archive)
  const twice: Sample = { inputs: sample.inputs.map(doubled), outputs: sample.outputs.map(doubled) }
  const { model, report } = convert(archive, { simplify, samples: [sample, twice], run })
  expect(model.graph.inputs[0]?.shape?.[0]).toBe('batch')
  expect(report.simplified?.after).toBeLessThanOrEqual(report.simplified?.before ?? 0)
  for (const opset of [18, 23]) {
    const other = convert(archive, { opset }).model
    expect(other.opset).toBe(opset)
    verifyConversion(other, [sample], run)
  }
})
