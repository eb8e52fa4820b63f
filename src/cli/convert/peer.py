# Exports the architectures of models.py for the bench and the checks of the converter: one folder a model with
# model.pt2, samples.safetensors (inputs and PyTorch's outputs at two batch sizes), facts.json, and, when asked for,
# model.onnx as torch.onnx.export makes it, with its times.
#
#   python peer.py FOLDER [--onnx] [NAME ...]
import json
import os
import sys
import time
import traceback
import warnings

import torch
from safetensors.torch import save_file

import models

warnings.filterwarnings('ignore')


def flat(output):
    import torch.utils._pytree as pytree
    return [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]


def export(name, folder, with_onnx):
    os.makedirs(folder, exist_ok=True)
    model, shapes = models.make(name)
    facts = {'name': name, 'torch': torch.__version__, 'parameters': sum(p.numel() for p in model.parameters())}
    samples = {}
    with torch.no_grad():
        for batch in (2, 3):
            given = models.inputs(shapes, batch, batch)
            for i, tensor in enumerate(given):
                samples[f'{batch}/input/{i}'] = tensor.contiguous()
            for i, tensor in enumerate(flat(model(*given))):
                samples[f'{batch}/output/{i}'] = tensor.contiguous().clone()
        save_file(samples, os.path.join(folder, 'samples.safetensors'))
        given = models.inputs(shapes, 2, 2)
        dynamic = tuple({0: torch.export.Dim('batch', min=1, max=64)} for _ in given)
        start = time.perf_counter()
        try:
            exported = torch.export.export(model, given, dynamic_shapes=dynamic, strict=False)
        except Exception as failure:
            facts['fixed'] = str(failure).split('\n')[0][:300]
            exported = torch.export.export(model, given, strict=False)
        facts['export_seconds'] = time.perf_counter() - start
        torch.export.save(exported, os.path.join(folder, 'model.pt2'))
        if with_onnx:
            place = os.path.join(folder, 'model.onnx')
            try:
                start = time.perf_counter()
                torch.onnx.export(exported, f=None, verbose=False).save(place)
                facts['onnx_seconds'] = time.perf_counter() - start
            except Exception as failure:
                facts['onnx_failure'] = str(failure)[:500]
    with open(os.path.join(folder, 'facts.json'), 'w') as file:
        json.dump(facts, file)
    return facts


def main():
    arguments = sys.argv[1:]
    with_onnx = '--onnx' in arguments
    arguments = [a for a in arguments if a != '--onnx']
    root, names = arguments[0], arguments[1:] or list(models.MODELS)
    for name in names:
        folder = os.path.join(root, name.replace('/', '-').replace(' ', '-'))
        if os.path.exists(os.path.join(folder, 'facts.json')):
            facts = json.load(open(os.path.join(folder, 'facts.json')))
            if not with_onnx or 'onnx_seconds' in facts or 'onnx_failure' in facts:
                continue
        try:
            facts = export(name, folder, with_onnx)
            print(json.dumps(facts), flush=True)
        except Exception as failure:
            print(json.dumps({'name': name, 'failure': f'{type(failure).__name__}: {failure}'[:600]}), flush=True)
            if os.environ.get('TRACE'):
                traceback.print_exc()


main()
