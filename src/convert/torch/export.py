# Exports a learner's own PyTorch module for the converter: python export.py FILE.py EXPRESSION OUT.pt2 INPUTS OPTIONS
#
# FILE.py is run; EXPRESSION (Python, over what FILE.py defines) gives the module. INPUTS is JSON: [{"shape": [2, 3], "dtype":
# "float32", "axes": {"0": {"name": "batch", "min": 1, "max": 64}}}, …]; or an expression that gives a tuple of tensors.
# The last line printed is JSON: {"ok": …} or {"failure": …, "message": …}.
import ctypes
import importlib.util
import json
import os
import struct
import sys


def load(path):
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location('learner', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules['learner'] = module
    spec.loader.exec_module(module)
    return vars(module)


def inputs_of(text, names, torch):
    if not text.lstrip().startswith('['):
        made = eval(text, names)
        return tuple(made) if isinstance(made, (tuple, list)) else (made,), None, {}
    tensors, axes, labels = [], [], {}
    for spec in json.loads(text):
        dtype = getattr(torch, spec.get('dtype', 'float32'))
        shape = spec['shape']
        tensors.append(torch.randn(shape).to(dtype) if dtype.is_floating_point else torch.ones(shape, dtype=dtype))
        dims = {}
        for axis, one in spec.get('axes', {}).items():
            name = one['name']
            labels.setdefault(name, torch.export.Dim(name, min=one.get('min', 1), max=one.get('max')))
            dims[int(axis)] = labels[name]
        axes.append(dims or None)
    return tuple(tensors), tuple(axes) if labels else None, labels


def symbols(exported, axes):
    """Which symbol stands for which named axis: PyTorch forgets the names."""
    found = {}
    users = [n for n in exported.graph.nodes if n.op == 'placeholder' and n.name in exported.graph_signature.user_inputs]
    for node, dims in zip(users, axes or ()):
        for axis, dim in (dims or {}).items():
            found[str(node.meta['val'].shape[axis])] = dim.__name__
    return {symbol: name for symbol, name in found.items() if symbol.isidentifier()}


def save(path, torch, tensors):
    """safetensors, with nothing but torch."""
    kinds = {
        torch.float32: 'F32', torch.float64: 'F64', torch.float16: 'F16', torch.bfloat16: 'BF16', torch.int64: 'I64',
        torch.int32: 'I32', torch.int16: 'I16', torch.int8: 'I8', torch.uint8: 'U8', torch.bool: 'BOOL',
    }
    header, parts, at = {}, [], 0
    for name, tensor in tensors.items():
        flat = tensor.detach().cpu().contiguous()
        data = ctypes.string_at(flat.data_ptr(), flat.numel() * flat.element_size()) if flat.numel() else b''
        header[name] = {'dtype': kinds[tensor.dtype], 'shape': list(tensor.shape), 'data_offsets': [at, at + len(data)]}
        at += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(parts))


def main():
    path, expression, out, given = sys.argv[1:5]
    import torch
    names = load(path)
    module = eval(expression, names)
    module.eval()
    tensors, axes, _ = inputs_of(given, names, torch)
    with torch.no_grad():
        exported = torch.export.export(module, tensors, dynamic_shapes=axes)
        torch.export.save(exported, out, extra_files={'whetstone.json': json.dumps({'axes': symbols(exported, axes)})})
        import torch.utils._pytree as pytree
        outputs = [t for t in pytree.tree_leaves(module(*tensors)) if isinstance(t, torch.Tensor)]
    save(out + '.samples', torch, {**{f'input/{i}': t for i, t in enumerate(tensors)}, **{f'output/{i}': t for i, t in enumerate(outputs)}})
    print(json.dumps({'ok': True, 'torch': torch.__version__}))


try:
    main()
except Exception as failure:  # noqa: BLE001: every failure is told to the learner
    print(json.dumps({'failure': type(failure).__name__, 'message': str(failure)[:4000]}))
    sys.exit(1)
