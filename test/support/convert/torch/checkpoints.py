# Makes the small checkpoints that the reader is tested on, with torch 2.13: python checkpoints.py FOLDER
import os
import sys
from collections import OrderedDict

import torch
from safetensors.torch import save_file

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)


def at(name):
    return os.path.join(folder, name)


def count(*shape, dtype=torch.float32):
    size = 1
    for n in shape:
        size *= n
    return torch.arange(size).reshape(shape).to(dtype)


base = count(4, 6)
state = OrderedDict(
    weight=base, transposed=base.t(), part=base[1:3, 2:5], steps=base[:, ::2], row=base[2], same=base,
    expanded=torch.tensor([1.0, 2.0])[:, None].expand(2, 3), scalar=torch.tensor(7.5), empty=torch.zeros(0, 3),
    half=count(2, 3, dtype=torch.float16), bfloat=count(2, 3, dtype=torch.bfloat16), double=count(3, dtype=torch.float64),
    long=count(3, dtype=torch.int64), int=count(3, dtype=torch.int32), short=count(3, dtype=torch.int16),
    char=count(3, dtype=torch.int8), byte=count(3, dtype=torch.uint8), bool=torch.tensor([True, False, True]),
    complex=torch.tensor([1 + 2j, 3 - 4j]), float8=count(4).to(torch.float8_e4m3fn), uint16=count(3, dtype=torch.uint16),
)
torch.save(state, at('state.pt'))
for name in ('float8', 'uint16'):
    state.pop(name)
torch.save(state, at('legacy.pt'), _use_new_zipfile_serialization=False)
model = torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(3, 2), norm=torch.nn.BatchNorm1d(2)))
torch.manual_seed(1)
optimizer = torch.optim.Adam(model.parameters())
model(torch.randn(4, 3)).sum().backward()
optimizer.step()
torch.save({'epoch': 3, 'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'note': 'ünïcode', 'list': [base, (base[0],)]},
           at('training.pt'))
torch.save([torch.nn.Parameter(count(2, 2))], at('parameter.pt'))
torch.save(torch.quantize_per_tensor(base, 0.1, 3, torch.qint8), at('quantized.pt'))
torch.save({'a': base.to_sparse()}, at('sparse.pt'))
torch.save(model, at('module.pt'))
torch.save({'a': os.system}, at('foreign.pt'))
save_file({'a': base, 'half': count(2, 3, dtype=torch.float16), 'bfloat': count(5, dtype=torch.bfloat16),
           'flag': torch.tensor([True, False])}, at('official.safetensors'), {'made': 'by the official library'})
