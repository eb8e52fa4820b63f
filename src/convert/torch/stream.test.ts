// Weights of large archives stay in their file until they are written.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { build, OnnxError, readModel, saveModel, writeModel } from '../../onnx'
import { writeZip } from '../../../test/support/convert/zip-writer'
import { ConvertError } from '../errors'
import { byteSource, withSource } from '../source'
import { ZipArchive } from '../zip'
import { readArchive } from './archive'

const fixture = path.join(__dirname, '../../../test/support/convert/torch/fixtures/linear.pt2')
const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-stream-'))
const file = path.join(folder, 'linear.pt2')
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** The fixture as PyTorch writes archives (stored, not compressed), with the first weight's data changed. */
function archiveWith(change: (data: Uint8Array) => void): Uint8Array {
  const archive = ZipArchive.open(byteSource(new Uint8Array(readFileSync(fixture))))
  const parts = [...archive.entries.keys()].map((name) => ({ name, data: Uint8Array.from(archive.read(name)) }))
  change(parts.find(({ name }) => name.includes('data/weights/weight_0'))!.data)
  return writeZip(parts)
}

const bytes = archiveWith(() => undefined)
writeFileSync(file, bytes)

const weightsOf = (from: string, streamFrom: number) => withSource(from, (source) => {
  const { weights } = readArchive(source, { streamFrom })
  return new Map(weights.names.map((name) => [name, weights.read(name)]))
})

describe('weights that stay in their file', () => {
  test('are the weights that are read at once', () => {
    const streamed = weightsOf(file, 0), whole = weightsOf(file, Infinity)
    expect([...streamed.keys()]).toEqual([...whole.keys()])
    for (const [name, tensor] of streamed) {
      expect(tensor.source).toBeDefined()
      expect(tensor.toString()).toBe(whole.get(name)!.toString())
      expect(Buffer.from(tensor.bytes).equals(whole.get(name)!.bytes)).toBe(true)
    }
  })

  test('are written into a model, in memory and on disk', () => {
    const [name, tensor] = [...weightsOf(file, 0)][0]!
    const model = build('m', (g) => { g.output(g.op('Neg', [g.graph.addInitializer(name, tensor)])) })
    const saved = path.join(folder, 'm.onnx')
    saveModel(model, saved)
    const written = writeModel(model)
    expect(Buffer.from(written).equals(readFileSync(saved))).toBe(true)
    const again = readModel(written).graph.find(name)!.tensor!
    expect(again.source).toBeUndefined()
    expect(Buffer.from(again.bytes).equals(tensor.bytes)).toBe(true)
  })

  test('are not taken from a file that was changed since', () => {
    const other = path.join(folder, 'other.pt2')
    writeFileSync(other, bytes)
    const tensor = [...weightsOf(other, 0).values()][0]!
    appendFileSync(other, 'x')
    expect(() => tensor.bytes).toThrow(OnnxError)
    expect(() => tensor.bytes).toThrow(/changed after it was loaded/)
    rmSync(other)
    expect(() => tensor.bytes).toThrow(OnnxError)
  })

  test('that are not finite are refused with their place', () => {
    const broken = path.join(folder, 'broken.pt2')
    writeFileSync(broken, archiveWith((data) => { new DataView(data.buffer).setFloat32(8, NaN, true) }))
    for (const streamFrom of [0, Infinity]) {
      expect(() => weightsOf(broken, streamFrom)).toThrow(ConvertError)
      expect(() => weightsOf(broken, streamFrom)).toThrow(/element 2\b/)
    }
  })

  test('that are damaged are refused', () => {
    const archive = ZipArchive.open(byteSource(bytes))
    const name = [...archive.entries.keys()].find((part) => part.includes('data/weights/weight_0'))!
    const damaged = Uint8Array.from(bytes)
    const at = archive.read(name).byteOffset - bytes.byteOffset
    damaged[at] = damaged[at]! ^ 1
    const out = path.join(folder, 'damaged.pt2')
    writeFileSync(out, damaged)
    expect(() => weightsOf(out, 0)).toThrow(/damaged/)
  })
})
