import { mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { build, saveModel, writeModel, type GraphBuilder, type Model } from '../../onnx'
import { Session } from '../../runtime'
import { diagnoseModel, diagnoseText, FAILURES } from './diagnose'

const folder = mkdtempSync(path.join(os.tmpdir(), 'debug-'))
afterAll(() => rmSync(folder, { recursive: true }))

const simple = (shape: readonly (number | string)[], opsets: Record<string, number> = { '': 21 }, body: (g: GraphBuilder, x: ReturnType<GraphBuilder['input']>) => ReturnType<GraphBuilder['op']> = (g, x) => g.op('Relu', [x])): Model =>
  build('m', (g) => { const x = g.input('x', 'float32', shape); g.output(body(g, x), 'y') }, { check: false, opsets })
let files = 0
const written = (model: Model, name = `m${files++}.onnx`): string => {
  const file = path.join(folder, name)
  writeFileSync(file, writeModel(model))
  return file
}

// Each model fails here, in the ONNX Runtime that the course uses, and is diagnosed by the text that this gives.
const newOpset = simple(['N', 4])
newOpset.opsets.set('', 60)
const newIr = simple(['N', 4])
newIr.irVersion = 99
test.each<[string, () => string, string, RegExp]>([
  ['a newer opset', () => written(newOpset), 'opset-too-new', /opset 60/],
  ['a newer IR version', () => written(newIr), 'ir-too-new', /IR version 99/],
  ['an operator of another domain', () => written(simple(['N', 4], { '': 21, acme: 1 }, (g, x) => g.op('Foo', [x], {}, { domain: 'acme' }))), 'unknown-operator', /acme\.Foo/],
  ['an operator that does not exist', () => written(simple(['N', 4], { '': 21 }, (g, x) => g.op('Foo', [x]))), 'unknown-operator', /Foo/],
  ['a fixed batch', () => written(simple([1, 4])), 'fixed-shape', /x \[1, 4\]/],
  ['a batch baked into a Reshape', () => written(simple(['N', 4], { '': 21 }, (g, x) => g.op('Reshape', [x, g.constant([1, 4], 's', 'int64')]))), 'baked-reshape', /\[1, 4\]/],
  ['types that do not go together', () => written(build('m', (g) => g.output(g.op('Add', [g.input('x', 'float32', ['N', 4]), g.input('i', 'int64', ['N', 4])]), 'y'), { check: false })), 'invalid-model', /rules? broken/],
  ['a file that is cut off', () => { const file = written(simple(['N', 4])); const bytes = writeModel(simple(['N', 4])); writeFileSync(file, bytes.subarray(0, bytes.length - 9)); return file }, 'broken-file', /cannot be read to its end/],
  ['a pointer of git lfs', () => { const file = path.join(folder, 'lfs.onnx'); writeFileSync(file, 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n'); return file }, 'broken-file', /git lfs/],
  ['external data that is not there', () => {
    const file = path.join(folder, 'external', 'm.onnx')
    mkdirSync(path.dirname(file))
    saveModel(simple(['N', 40], { '': 21 }, (g, x) => g.op('MatMul', [x, g.constant(new Float32Array(1600), 'w', 'float32', [40, 40])])), file, { externalData: true })
    unlinkSync(`${file}.data`)
    return file
  }, 'external-data', /m\.onnx\.data|[Ee]xternal/],
  ['an index outside its table', () => written(build('m', (g) => g.output(g.op('Gather', [g.constant(new Float32Array(0), 'w', 'float32', [0, 3]), g.input('i', 'int64', ['N'])]), 'y'), { check: false })), 'index-out-of-range', /program cannot see/],
])('%s fails here and is explained', (_, make, id, saw) => {
  const { steps, diagnoses } = diagnoseModel(make())
  expect(steps.some((step) => !step.ok), JSON.stringify(steps)).toBe(true)
  const found = diagnoses.find((each) => each.case.id === id)
  expect(found, `${JSON.stringify(steps)} ${diagnoses.map((each) => each.case.id).join()}`).toBeDefined()
  // The cause that its check confirmed stands first; where a program cannot tell, none is claimed.
  expect(found?.causes.map((cause) => cause.outcome.saw).join('\n')).toMatch(saw)
  if (id !== 'index-out-of-range') expect(found?.causes[0]?.outcome.applies).toBe(true)
})

test('a model that works has nothing to diagnose', () => {
  const { steps, diagnoses } = diagnoseModel(written(simple(['N', 4])))
  expect(steps.map((step) => [step.name, step.ok])).toEqual([['read', true], ['validate', true], ['load into ONNX Runtime', true], ['run with a batch of 1', true], ['run with a batch of 2', true]])
  expect(diagnoses).toEqual([])
})

test('a provider that is not here is diagnosed by what ONNX Runtime says', () => {
  let said = ''
  try {
    Session.create(writeModel(simple(['N', 4])), { providers: ['cuda'] }).dispose()
  } catch (error) {
    said = String(error)
  }
  if (said !== '') expect(diagnoseText(said)[0]?.case.id).toBe('provider-library')
})

// Printed by PyTorch 2.13 (torch.export.export, torch.onnx.export, torch.load). TensorRT's as reported in its issues 768
// (profile), 3898 (version), 3734 (importer) and 2865 (calibration). CUDA's, npm's and pip's are their known wordings, not
// reproduced here.
const SAID: readonly (readonly [text: string, id: string])[] = [
  ['UserError: Constraints violated (batch)! For more information, run with TORCH_LOGS="+dynamic".\n  - You marked batch as dynamic but your code specialized it to be a constant (2). If you\'re using mark_dynamic, either remove it', 'export-specialised'],
  ['GuardOnDataDependentSymNode: Could not guard on data-dependent expression Eq(u0, 1) (unhinted: Eq(u0, 1)).  (Size-like symbols: none)\n    if x.sum()>0: return x*2', 'export-data-dependent'],
  ['GuardOnDataDependentSymNode: Could not extract specialized integer from data-dependent expression TruncToInt(zuf0) (unhinted: TruncToInt(zuf0)).', 'export-data-dependent'],
  ['UnsupportedOperatorError: Exporting the operator \'aten::linalg_det\' to ONNX opset version 9 is not supported. Support for this operator was added in version 11, try exporting with this version', 'export-unsupported'],
  ['UnsupportedOperatorError: Exporting the operator \'aten::fft_fft\' to ONNX opset version 12 is not supported', 'export-unsupported'],
  ['UnpicklingError: Weights only load failed. This file can still be loaded, to do so you have two options\n\tWeightsUnpickler error: Unsupported global: GLOBAL torch.nn.modules.linear.Linear was not an allowed global by default.', 'unsafe-pickle'],
  ['AssertionError: Torch not compiled with CUDA enabled', 'cuda-driver'],
  ['RuntimeError: Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight: copying a param with shape torch.Size([3, 2]) from checkpoint, the shape in current model is torch.Size([2, 2]).', 'state-dict'],
  ['[onnxruntime] Unexpected input data type. Actual: (tensor(double)) , expected: (tensor(float))', 'wrong-dtype'],
  ['Non-zero status code returned while running Relu node. Name:\'\' Status Message: Missing Input: x', 'missing-input'],
  ['Non-zero status code returned while running MatMul node. Name:\'\' Status Message: matmul_helper.h:59 Compute MatMul dimension mismatch', 'shape-mismatch'],
  ['Could not find an implementation for Relu(14) node with name \'\'', 'no-kernel'],
  ['Load model from /tmp/x.onnx failed:Load model /tmp/x.onnx failed. File doesn\'t exist', 'no-file'],
  ['This is an invalid model. Type Error: Type \'tensor(float)\' of input parameter (z) of operator (QuantizeLinear) in node () is invalid.', 'quantize-types'],
  ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', 'out-of-memory'],
  ['after static quantization accuracy dropped from 91% to 12%', 'int8-accuracy'],
  ['my int8 model is slower than the float32 one', 'int8-slow'],
  ['2026-01-01 [W:onnxruntime] Some nodes were not assigned to the preferred execution providers which may or may not have an negative impact on performance.', 'provider-fallback'],
  ['[E] 4: [network.cpp::validate::3040] Error Code 4: Internal Error (Network has dynamic or shape inputs, but no optimization profile has been defined.)', 'trt-profile'],
  ['[E] 1: [stdArchiveReader.cpp::StdArchiveReader::32] Error Code 1: Serialization (Serialization assertion stdVersionRead == serializationVersion failed.Version tag does not match.', 'trt-engine-version'],
  ['[E] ModelImporter.cpp:726: ERROR: builtin_op_importers.cpp:5412 In function importFallbackPluginImporter: [8] No importer registered for op: GridSample2', 'trt-unsupported'],
  ['Calibration failure occurred with no scaling factors detected. This could be due to no int8 calibrator or insufficient custom scales for network layers.', 'trt-int8'],
  ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.', 'cuda-memory'],
  ['CUDA error: no kernel image is available for execution on the device', 'cuda-architecture'],
  ['CUDA driver version is insufficient for CUDA runtime version', 'cuda-driver'],
  ['CUDA error: an illegal memory access was encountered', 'cuda-access'],
  ['npm error path node_modules/onnxruntime-node\nnpm error command failed: node ./script/install\nError: getaddrinfo ENOTFOUND example.invalid', 'install-onnxruntime'],
  ['was compiled against a different Node.js version using NODE_MODULE_VERSION 115. This version requires 127.', 'install-native'],
  ['ModuleNotFoundError: No module named \'jupyterlab\'', 'install-python'],
  ['npm error ENOSPC: no space left on device, write', 'install-disk'],
  ['ERROR: Could not find a version that satisfies the requirement jupyterlab', 'install-network'],
]

test.each(SAID)('%s', (text, id) => {
  const [first] = diagnoseText(text)
  expect(first?.case.id).toBe(id)
  for (const cause of first?.causes ?? []) {
    expect(cause.outcome.saw).not.toBe('')
    expect(cause.outcome.saw).not.toMatch(/the check itself failed/)
  }
})

test('every case is shown by a text here or by a model above, and says what to do', () => {
  const shown = new Set([...SAID.map(([, id]) => id), 'opset-too-new', 'ir-too-new', 'unknown-operator', 'fixed-shape', 'baked-reshape', 'invalid-model', 'broken-file', 'external-data', 'index-out-of-range', 'provider-library'])
  expect(FAILURES.map((one) => one.id).filter((id) => !shown.has(id))).toEqual([])
  expect(new Set(FAILURES.map((one) => one.id)).size).toBe(FAILURES.length)
  for (const { causes, id } of FAILURES) for (const { fix, why } of causes) expect(fix.length > 20 && why.length > 10, id).toBe(true)
})

test('text that says nothing of a failure is not diagnosed', () => {
  for (const text of ['', 'Epoch 3: loss 0.21, accuracy 0.97', 'all 120 tests passed', 'exported model.onnx (1.2 MB)', 'x'.repeat(300_000)]) expect(diagnoseText(text)).toEqual([])
})

test('a file that does not exist is an error with what to do', () => {
  expect(() => diagnoseModel(path.join(folder, 'nowhere.onnx'))).toThrow(/no such model/)
})
