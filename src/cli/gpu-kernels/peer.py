"""PyTorch's own operators for the tasks of native/kernels, timed as common.cuh times ours: the median of 11 runs by events,
after one that is not counted. Sizes are read from the kernels' sources, so that both sides always compute the same task.

  peer.py FOLDER NAME…           on the GPU, the sizes for timing
  peer.py FOLDER NAME… --check   on the processor, the sizes for checking

Prints one JSON object a kernel: {"kernel", "operator", "milliseconds", "sizes"}, with "shape" under --check.
Products of matrices are cuBLAS's: in float32, because TensorFloat-32 is switched off.
"""
import json
import re
import sys

import torch
import torch.nn.functional as F


def sizes(folder, name, check):
    """Every `name = bench.size(timed, checked)` and `constexpr int NAME = value` of a kernel's file."""
    with open(f'{folder}/{name}.cu', encoding='utf8') as file:
        text = file.read()
    found = {key: int(value) for key, value in re.findall(r'constexpr int (\w+) = (\d+);', text)}
    for key, timed, checked in re.findall(r'(\w+) = bench\.size\(([^,()]+), ([^,()]+)\)', text):
        number = (checked if check else timed).strip()
        shifted = re.fullmatch(r'(\d+) << (\d+)', number)
        found[key] = int(shifted[1]) << int(shifted[2]) if shifted else int(number)
    return found


def tasks(name, s, device):
    """What PyTorch calls the task: a name and a function of no arguments."""
    def normal(*shape, dtype=torch.float32):
        return torch.randn(*shape, device=device, dtype=dtype)

    if name == 'vector_add':
        a, b = normal(s['n']), normal(s['n'])
        return 'a + b', lambda: a + b
    if name == 'transpose':
        a = normal(s['n'], s['n'])
        return 't().contiguous()', lambda: a.t().contiguous()
    if name == 'reduction':
        a = normal(s['n'])
        return 'sum', lambda: a.sum()
    if name == 'scan':
        a = normal(s['n'])
        return 'cumsum', lambda: a.cumsum(0)
    if name == 'histogram':
        a = torch.randint(0, 256, (s['n'],), device=device)
        return 'bincount', lambda: torch.bincount(a, minlength=256)
    if name == 'softmax':
        a = normal(s['rows'], s['cols'])
        return 'softmax', lambda: torch.softmax(a, 1)
    if name == 'layer_norm':
        columns = s['N'] * 128
        a, g, b = normal(s['rows'], columns), normal(columns), normal(columns)
        return 'layer_norm', lambda: F.layer_norm(a, (columns,), g, b)
    if name == 'bias_gelu':
        a, b = normal(s['rows'], s['cols']), normal(s['cols'])
        return 'gelu(x + bias), two kernels', lambda: F.gelu(a + b)
    if name == 'embedding':
        table, ids = normal(s['rows'], s['width']), torch.randint(0, s['rows'], (s['n'],), device=device)
        return 'embedding', lambda: F.embedding(ids, table)
    if name == 'sgemm':
        a, b = normal(s['m'], s['k']), normal(s['k'], s['n'])
        return 'matmul (cuBLAS, float32)', lambda: a @ b
    if name == 'hgemm':
        a, b = normal(s['m'], s['k'], dtype=torch.float16), normal(s['k'], s['n'], dtype=torch.float16)
        return 'matmul (cuBLAS, float16)', lambda: a @ b
    if name == 'sparse24':
        a, b = normal(s['n'], s['k']), normal(s['k'], s['m'])
        return 'dense matmul (cuBLAS, float32)', lambda: a @ b
    if name == 'conv2d':
        a, w = normal(1, s['c'], s['h'], s['w']), normal(s['o'], s['c'], 3, 3)
        return 'conv2d (cuDNN)', lambda: F.conv2d(a, w, padding=1)
    if name == 'attention':
        q, k, v = (normal(1, s['heads'], s['n'], s['D']) for _ in range(3))
        return 'scaled_dot_product_attention', lambda: F.scaled_dot_product_attention(q, k, v)
    if name == 'int8_gemm':
        x = torch.randint(-127, 128, (s['m'], s['k']), device=device, dtype=torch.int8)
        w = torch.randint(-127, 128, (s['n'], s['k']), device=device, dtype=torch.int8)
        scale, bias = normal(s['n']), normal(s['n'])
        return '_int_mm and its scales', lambda: torch._int_mm(x, w.t()) * scale + bias
    if name == 'quantize':
        a = normal(s['channels'], s['inner'])
        scale, zero = torch.full((s['channels'], 1), 0.01, device=device), torch.zeros(s['channels'], 1, device=device)
        return 'round, clamp and convert', lambda: torch.clamp(torch.round(a / scale) + zero, -128, 127).to(torch.int8)
    raise KeyError(name)


def milliseconds(run):
    run()
    torch.cuda.synchronize()
    times = []
    for _ in range(11):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return sorted(times)[5]


def main():
    folder, *names = [argument for argument in sys.argv[1:] if argument != '--check']
    check = '--check' in sys.argv
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for name in names:
        try:
            known = sizes(folder, name, check)
            operator, run = tasks(name, known, 'cpu' if check else 'cuda')
            line = {'kernel': name, 'operator': operator, 'sizes': known}
            with torch.inference_mode():
                if check:
                    line['shape'] = list(run().shape)
                else:
                    line['milliseconds'] = milliseconds(run)
        except Exception as error:  # a task that this PyTorch or GPU does not do is a row that says so
            line = {'kernel': name, 'missing': f'{type(error).__name__}: {str(error).splitlines()[0]}'}
        print(json.dumps(line), flush=True)


main()
