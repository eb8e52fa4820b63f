# Makes the fixtures of the PyTorch converter from modules.py: for each module an archive as torch.export.save writes it,
# packed with DEFLATE, with PyTorch's own outputs inside (extra/samples.safetensors). Written with torch 2.13,
# torchvision 0.28, transformers 5.18. NAME.core.pt2 is decomposed to core operators; of those the repository keeps the
# ones with an operator that no other fixture has.
#
#   python make.py FOLDER [NAME ...]
import io
import os
import sys
import warnings
import zipfile

import torch
import torch.utils._pytree as pytree
from safetensors.torch import save

import modules

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', '..', '..', 'src', 'cli', 'convert'))
from models import torchvision_without_compiled_operators  # noqa: E402

warnings.filterwarnings('ignore')


def leaves(output):
    return [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]


def pack(exported, samples, path):
    whole = io.BytesIO()
    torch.export.save(exported, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for entry in source.infolist():
            # Sample inputs as a pickle, and files that carry nothing.
            if 'sample_inputs' in entry.filename:
                continue
            fixed = zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0))
            fixed.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(fixed, source.read(entry))
        fixed = zipfile.ZipInfo('extra/samples.safetensors', (1980, 1, 1, 0, 0, 0))
        fixed.compress_type = zipfile.ZIP_DEFLATED
        target.writestr(fixed, save(samples))


def main():
    folder, only = sys.argv[1], sys.argv[2:]
    os.makedirs(folder, exist_ok=True)
    torchvision_without_compiled_operators()
    modules.tiny()
    for name, (module, args, axes) in modules.MODULES.items():
        if only and name not in only:
            continue
        module.eval()
        if name.startswith('tiny'):
            for p in module.parameters():
                if p.abs().max() < 1e-3:
                    torch.nn.init.normal_(p, 0.1, 0.1)
        for decomposed in (False, True):
            path = os.path.join(folder, name + ('.core' if decomposed else '') + '.pt2')
            if os.path.exists(path) or (decomposed and name.startswith('tiny')):
                continue
            try:
                with torch.no_grad():
                    outputs = leaves(module(*[a.clone() for a in args]))
                shapes = None
                if axes is not None:
                    first = {axis: torch.export.Dim.AUTO for axis in ((axes,) if isinstance(axes, int) else axes)}
                    shapes = tuple([first] + [None] * (len(args) - 1))
                    if type(module).__name__ == 'Function':
                        shapes = {'a': shapes}
                with torch.no_grad():
                    exported = torch.export.export(module, args, dynamic_shapes=shapes)
                    if decomposed:
                        exported = exported.run_decompositions()
                samples = {f'input/{i}': a.contiguous().clone() for i, a in enumerate(args)}
                samples.update({f'output/{i}': o.contiguous().clone() for i, o in enumerate(outputs)})
                pack(exported, samples, path)
            except Exception as failure:
                print(f'{name}: {type(failure).__name__}: {str(failure)[:200]}', flush=True)


main()
