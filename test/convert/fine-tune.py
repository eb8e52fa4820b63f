"""The PyTorch side of fine-tune.test.ts.

    python fine-tune.py export FOLDER    writes model.pt2 (random weights, seeded)
    python fine-tune.py check FOLDER     loads tuned.safetensors into the same module; prints its outputs for x.json
"""
import json
import sys

import torch

what, folder = sys.argv[1:]
torch.manual_seed(1)
module = torch.nn.Sequential()
module.add_module('conv', torch.nn.Conv2d(1, 6, 3, padding=1))
module.add_module('norm', torch.nn.BatchNorm2d(6))
module.add_module('relu', torch.nn.ReLU())
module.add_module('pool', torch.nn.AdaptiveAvgPool2d(1))
module.add_module('flat', torch.nn.Flatten())
module.add_module('fc', torch.nn.Linear(6, 2))
module.eval()
if what == 'export':
    batch = torch.export.Dim('batch', min=1, max=256)
    program = torch.export.export(module, (torch.zeros(4, 1, 8, 8),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder + '/model.pt2')
else:
    raw = open(folder + '/tuned.safetensors', 'rb').read()
    size = int.from_bytes(raw[:8], 'little')
    header = json.loads(raw[8:8 + size])
    header.pop('__metadata__', None)
    state = {}
    for name, info in header.items():
        begin, end = info['data_offsets']
        state[name] = torch.frombuffer(bytearray(raw[8 + size + begin:8 + size + end]), dtype=torch.float32).reshape(info['shape'])
    print(sorted(state), file=sys.stderr)
    missing, unexpected = module.load_state_dict(state, strict=False)
    assert not unexpected and [name for name in missing if 'num_batches_tracked' not in name] == [], (missing, unexpected)
    x = torch.tensor(json.load(open(folder + '/x.json')), dtype=torch.float32).reshape(-1, 1, 8, 8)
    print(json.dumps(module(x).flatten().tolist()))
