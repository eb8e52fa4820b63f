// Evidence that comes from PyTorch: `evaluate` runs a learner's .pt2 in PyTorch beside the ONNX model made from it.
// Needs a Python with torch: WHETSTONE_PYTHON, or the project's own .venv.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convert, onnx } from 'whetstone'
import { sameAsSource } from '../../src/course/evaluation/measures'
import { ProjectWork } from '../../src/course/evaluation/project-work'
import { projectAt } from '../../src/course/project'

const python = process.env['WHETSTONE_PYTHON'] ?? path.resolve('.venv/bin/python')
const found = existsSync(python) && spawnSync(python, ['-c', 'import torch.export']).status === 0
const reason = found ? '' : ' (skipped: no Python with torch; set WHETSTONE_PYTHON)'

describe.skipIf(!found)('beside PyTorch' + reason, () => {
  const root = mkdtempSync(path.join(tmpdir(), 'whetstone-source-'))
  const folder = path.join(root, 'notebooks', 'p')
  beforeAll(() => {
    mkdirSync(path.join(root, 'src', 'course'), { recursive: true })
    mkdirSync(folder, { recursive: true })
    execFileSync('cp', ['-r', path.resolve('src/course/evaluation'), path.join(root, 'src', 'course')])
    execFileSync(python, ['-c', `
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)
    def forward(self, x):
        hidden = torch.relu(self.one(x))
        return {'scores': self.two(hidden), 'hidden': hidden}
for name, seed in (('model', 0), ('other', 1)):
    torch.manual_seed(seed)
    torch.export.save(torch.export.export(Net(), (torch.zeros(2, 4),), dynamic_shapes=({0: torch.export.Dim('n', min=1, max=64)},)), ${JSON.stringify(folder)} + f'/{name}.pt2')
`])
    onnx.saveModel(convert.convert(path.join(folder, 'model.pt2')).model, path.join(folder, 'model.onnx'))
    onnx.saveModel(convert.convert(path.join(folder, 'model.pt2')).model, path.join(folder, 'other.onnx'))
  }, 120_000)
  afterAll(() => { rmSync(root, { recursive: true }) })
  const measure = async (stem: string): Promise<{ verdict: string; reason: string }> => {
    const work = new ProjectWork(projectAt(root), 'p', { python: () => python })
    try {
      return await sameAsSource(stem, 'torch').measure(work)
    } finally {
      work.close()
    }
  }

  test('a model that was converted from its source passes; one that came from elsewhere fails', async () => {
    expect(await measure('model')).toMatchObject({ verdict: 'passed', reason: 'model.onnx gives what model.pt2 gives in torch' })
    expect(await measure('other')).toMatchObject({ verdict: 'failed', reason: expect.stringMatching(/other\.onnx differs from other\.pt2 by \d/) as string })
  }, 120_000)
})
