// The kernels in PyTorch beside PyTorch's own: values, gradients by finite differences (opcheck and gradcheck), torch.export.
// Needs g++ and a Python with torch: WHETSTONE_PYTHON, or the project's own .venv.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildTorchExtension, versionOfCompiler } from '../../src/runtime/cuda'

const python = process.env['WHETSTONE_PYTHON'] ?? path.resolve('.venv/bin/python')
const found = existsSync(python) && spawnSync(python, ['-c', 'import torch']).status === 0 && versionOfCompiler() !== undefined
const reason = found ? '' : ' (skipped: no Python with torch, or no g++; set WHETSTONE_PYTHON)'

describe.skipIf(!found)('the extension of PyTorch' + reason, () => {
  let folder = ''
  beforeAll(async () => { folder = await buildTorchExtension({ python }) }, 600_000)
  const run = (script: string): string => {
    const ran = spawnSync(python, ['-c', `import sys; sys.path.insert(0, ${JSON.stringify(folder)})\nimport torch, whetstone_torch\nfrom torch.nn import functional as F\nops = torch.ops.whetstone\ntorch.manual_seed(0)\n${script}`], { encoding: 'utf8', timeout: 300_000 })
    expect(ran.stderr.split('\n').filter((line) => /Error|Traceback/.test(line))).toEqual([])
    return ran.stdout.trim()
  }
  it('gives what PyTorch gives, for shapes that fit no block', () => {
    expect(run(`
def near(a, b): return (a - b).abs().max().item() < 2e-5
x, b, w = torch.randn(3, 5, 70), torch.randn(70), torch.randn(70)
print(near(ops.bias_gelu(x, b), F.gelu(x + b)), near(ops.softmax(x), x.softmax(-1)), near(ops.layer_norm(x, w, b), F.layer_norm(x, (70,), w, b)))
p, q = torch.randn(37, 50), torch.randn(50, 41)
print(near(ops.matmul(p, q), p @ q), near(ops.matmul(q.t(), p.t()), q.t() @ p.t()), ops.softmax(torch.empty(0, 4)).shape)`)).toBe('True True True\nTrue True torch.Size([0, 4])')
  })
  it('has the gradients of PyTorch\'s own operators, and passes opcheck', () => {
    expect(run(`
x, b, w = (torch.randn(s, requires_grad=True) for s in ((6, 40), (40,), (40,)))
p, q = torch.randn(9, 17, requires_grad=True), torch.randn(17, 5, requires_grad=True)
pairs = [(ops.bias_gelu, lambda x, b: F.gelu(x + b), (x, b)), (ops.softmax, lambda x: x.softmax(-1), (x,)),
         (ops.layer_norm, lambda x, w, b: F.layer_norm(x, (40,), w, b), (x, w, b)), (ops.matmul, torch.matmul, (p, q))]
for mine, theirs, inputs in pairs:
    y, z = mine(*inputs), theirs(*inputs)
    g = torch.randn_like(y)
    a, c = torch.autograd.grad(y, inputs, g), torch.autograd.grad(z, inputs, g)
    torch.library.opcheck(mine.default, inputs)
    print(max((s - t).abs().max().item() for s, t in zip(a, c)) < 5e-5)`)).toBe('True\nTrue\nTrue\nTrue')
  })
  it('stays one operator in torch.export, with a size that varies', () => {
    expect(run(`
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.b = torch.nn.Parameter(torch.randn(16, 8)), torch.nn.Parameter(torch.randn(8))
    def forward(self, x): return ops.softmax(ops.bias_gelu(ops.matmul(x, self.w), self.b))
net = Net()
exported = torch.export.export(net, (torch.randn(4, 16),), dynamic_shapes={'x': {0: torch.export.Dim('n', min=2, max=64)}})
print([str(node.target) for node in exported.graph.nodes if node.op == 'call_function' and 'whetstone' in str(node.target)])
x = torch.randn(11, 16)
print((exported.module()(x) - net(x)).abs().max().item() == 0)`)).toBe("['whetstone.matmul.default', 'whetstone.bias_gelu.default', 'whetstone.softmax.default']\nTrue")
  })
  it('refuses what the kernels cannot do, in words', () => {
    expect(run(`
for f in (lambda: ops.softmax(torch.zeros(2, dtype=torch.float64)), lambda: ops.bias_gelu(torch.zeros(2, 3), torch.zeros(2)), lambda: ops.matmul(torch.zeros(2, 3), torch.zeros(2, 3))):
    try: f()
    except RuntimeError as e: print(str(e).split('\\n')[0])`)).toBe('whetstone: x must be float32, it is Double\nwhetstone::bias_gelu: bias must have the size of the last axis of x\nwhetstone::matmul: takes [m, k] and [k, n], got [2, 3] and [2, 3]')
  })
})
