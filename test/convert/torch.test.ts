// The conversion room beside PyTorch itself: a learner's module exported, failures in plain words, weights both ways.
// Needs a Python with torch: WHETSTONE_PYTHON, or the project's own .venv.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, describe, expect, test } from 'vitest'
import { convert, onnx } from 'whetstone'
import { run } from '../support/run'

const python = process.env['WHETSTONE_PYTHON'] ?? path.resolve('.venv/bin/python')
const found = existsSync(python) && spawnSync(python, ['-c', 'import torch.export']).status === 0
const reason = found ? '' : ' (skipped: no Python with torch; set WHETSTONE_PYTHON)'

const NET = `
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)
    def forward(self, x):
        return {'logits': self.fc2(torch.relu(self.fc1(x)))}
class Branch(torch.nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x - 1
class Fixed(torch.nn.Module):
    def forward(self, x):
        return x.view(2, 4)
torch.manual_seed(0)
`

describe.skipIf(!found)('beside PyTorch' + reason, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'whetstone-torch-'))
  const file = path.join(folder, 'net.py')
  writeFileSync(file, NET)
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })
  const inputs = [{ shape: [2, 4], axes: { 0: { name: 'people', min: 1, max: 64 } } }]
  const failure = (expression: string): string => {
    try {
      convert.convertModule({ python, file, expression, inputs })
    } catch (error) {
      expect((error as { code?: string }).code).toBe('CONVERT_PYTHON')
      return (error as Error).message
    }
    return 'no error'
  }

  test('a module of the learner becomes a model, compared with PyTorch, axes named as written', () => {
    const { model, report } = convert.convertModule({ python, file, expression: 'Net()', inputs }, { run })
    expect(model.graph.inputs[0]?.shape).toEqual(['people', 4])
    expect(model.graph.outputs.map(({ name }) => name)).toEqual(['logits'])
    expect(report.errors?.[0]?.relative).toBeLessThan(1e-5)
    expect(report.parts.symbols['people']).toEqual({ min: 1, max: 64 })
  })

  test('what cannot be exported is said in plain words', () => {
    expect(failure('Branch()')).toMatch(/depends on the numbers in a tensor[^]*torch\.cond/)
    expect(failure('Fixed()')).toMatch(/only for certain sizes/)
    expect(failure('Nothing()')).toMatch(/does not name a module/)
  })

  test('weights go from PyTorch to TensorFlow.js, are trained there, and go back', async () => {
    const script = (body: string): string => execFileSync(python, ['-c', `import sys, json, torch\nsys.path.insert(0, ${JSON.stringify(folder)})\nfrom net import Net\n${body}`], { encoding: 'utf8' })
    const checkpoint = path.join(folder, 'net.pt')
    script(`torch.save(Net().state_dict(), ${JSON.stringify(checkpoint)})`)
    const weights = convert.readCheckpoint(checkpoint)
    // PyTorch keeps [out, in], TensorFlow.js [in, out].
    const variable = (name: string): tf.Tensor => {
      const tensor = weights.tensor(name)
      const made = tf.tensor(Float32Array.from(tensor.numbers()), [...tensor.shape])
      return tensor.shape.length === 2 ? made.transpose() : made
    }
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 8, inputShape: [4], activation: 'relu' }), tf.layers.dense({ units: 3 })] })
    model.setWeights(['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'].map(variable))
    weights.close()
    const x = tf.randomNormal([16, 4], 0, 1, 'float32', 7)
    model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' })
    await model.fit(x, tf.ones([16, 3]), { epochs: 3, shuffle: false })
    const trained = model.getWeights()
    const back = new Map(['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'].map((name, i) => {
      const value = trained[i]!.rank === 2 ? trained[i]!.transpose() : trained[i]!
      return [name, onnx.Tensor.from(value.dataSync() as Float32Array, value.shape)] as const
    }))
    const saved = path.join(folder, 'trained.safetensors')
    convert.saveSafetensors(back, saved)
    const read = `
import struct
data = open(${JSON.stringify(saved)}, 'rb').read()
size = struct.unpack('<Q', data[:8])[0]
header = json.loads(data[8:8 + size])
state = {n: torch.frombuffer(bytearray(data[8 + size + h['data_offsets'][0]:8 + size + h['data_offsets'][1]]), dtype=torch.float32).reshape(h['shape'])
         for n, h in header.items()}
net = Net()
net.load_state_dict(state)
x = torch.tensor(${JSON.stringify(await x.array())})
print(json.dumps(net(x)['logits'].flatten().tolist()))`
    const theirs = JSON.parse(script(read)) as number[]
    const ours = (model.predict(x) as tf.Tensor).dataSync()
    expect(theirs.length).toBe(ours.length)
    theirs.forEach((value, i) => { expect(value).toBeCloseTo(ours[i]!, 5) })
    // The same weights into a converted model, and out again.
    const { model: converted } = convert.convertModule({ python, file, expression: 'Net()', inputs })
    const { loaded } = convert.loadWeights(converted, back)
    expect([...loaded].sort()).toEqual(['fc1.bias', 'fc1.weight', 'fc2.bias', 'fc2.weight'])
    const [name] = converted.graph.inputs.map((value) => value.name)
    const result = run(onnx.writeModel(converted), { [name!]: { dtype: 'float32', shape: [16, 4], data: x.dataSync() as Float32Array } })
    expect([...result['logits']!.data as Float32Array].every((value, i) => Math.abs(value - ours[i]!) < 1e-5)).toBe(true)
    expect(convert.weightsOf(converted).get('fc1.weight')?.numbers()).toEqual(back.get('fc1.weight')!.numbers())
    expect(() => convert.loadWeights(converted, new Map([['fc1.weight', onnx.Tensor.from([1, 2], [2])]]))).toThrow(/do not fit[^]*fc1\.weight/)
  })
})
