# Exports the sample inputs of PyTorch's own database of operators (torch.testing, the one that PyTorch's tests run on), an
# archive a sample, with PyTorch's outputs inside. Used by `npm run conformance -- pytorch`, which converts and compares them.
#
#   python sweep.py FOLDER SHARD SHARDS SAMPLES DTYPE[,DTYPE] [OPERATOR ...]
#
# FOLDER/SHARD.jsonl gets a line for each sample: {case, operator, dtype, file} or {case, operator, dtype, skipped, why}.
# A shard that is run again goes on where it ended; the operator that ended the process is noted and left out.
import io
import itertools
import json
import os
import signal
import sys
import types
import unittest
import warnings
import zipfile

# The database lies beside PyTorch's tests, which import a package for comparing texts. The database does not use it.
if 'expecttest' not in sys.modules:
    try:
        import expecttest  # noqa: F401
    except ImportError:
        helper = types.ModuleType('expecttest')
        helper.TestCase, helper.assert_expected_inline = unittest.TestCase, None
        sys.modules['expecttest'] = helper

import torch
import torch.utils._pytree as pytree
from safetensors.torch import save
from torch.testing._internal.common_methods_invocations import op_db

warnings.filterwarnings('ignore')
torch.set_num_threads(1)

DTYPES = {name: getattr(torch, name) for name in ['float32', 'float16', 'int64', 'bool']}
# Of one sample: so many elements in all inputs, and in all outputs.
MOST_ELEMENTS = 20_000
# Samples that are looked at to choose some that are spread evenly among them.
MOST_SAMPLES = 200
SECONDS = 30
# Their elements are whatever was in memory.
UNINITIALIZED = {'empty', 'empty_like', 'empty_permuted', 'empty_strided', 'new_empty', 'new_empty_strided'}


class Calls(torch.nn.Module):
    """One call of an operator: its tensors are inputs, everything else is fixed."""

    def __init__(self, operator, spec, leaves):
        super().__init__()
        self.operator, self.spec, self.leaves = operator, spec, leaves

    def forward(self, *tensors):
        given = iter(tensors)
        leaves = [next(given) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        first, args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        # Named tuples of operators have no name in an archive.
        return tuple(tensors_of(self.operator(first, *args, **kwargs)))


class Skip(Exception):
    def __init__(self, kind, why=''):
        super().__init__(why)
        self.kind, self.why = kind, why


def too_long(*_):
    raise TimeoutError(f'longer than {SECONDS} s')


def plain(tensors):
    """Refuses what archives of dense real tensors cannot hold."""
    for tensor in tensors:
        if tensor.layout != torch.strided or tensor.is_nested:
            raise Skip('not dense')
        if tensor.is_complex():
            raise Skip('complex')
        if tensor.is_quantized:
            raise Skip('quantized')
        if tensor.dtype == torch.bfloat16:
            raise Skip('bfloat16, which the runtime does not hand over')
    if sum(tensor.numel() for tensor in tensors) > MOST_ELEMENTS:
        raise Skip('large')


def tensors_of(tree):
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def stored(tensor):
    return tensor.detach().resolve_conj().resolve_neg().contiguous().clone()


def export(operator, sample, path):
    leaves, spec = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    if any(isinstance(leaf, complex) for leaf in leaves):
        raise Skip('complex')
    plain(tensors)
    if not tensors:
        raise Skip('no tensor among its inputs')
    module = Calls(operator, spec, leaves).eval()
    fresh = lambda: tuple(tensor.detach().clone() for tensor in tensors)  # noqa: E731
    outputs = module(*fresh())
    if not outputs:
        raise Skip('no tensor among its outputs')
    plain(outputs)
    again = module(*fresh())
    if any(not torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in zip(outputs, again)):
        raise Skip('random')
    try:
        exported = torch.export.export(module, fresh(), strict=False)
        whole = io.BytesIO()
        torch.export.save(exported, whole)
    except TimeoutError:
        raise
    except Exception as failure:
        raise Skip('not exported by torch.export', f'{type(failure).__name__}: {str(failure).strip().splitlines()[0][:200] if str(failure).strip() else ""}')
    samples = {f'input/{i}': stored(tensor) for i, tensor in enumerate(tensors)}
    samples.update({f'output/{i}': stored(tensor) for i, tensor in enumerate(outputs)})
    with zipfile.ZipFile(whole, 'a') as archive:
        archive.writestr('extra/samples.safetensors', save(samples))
    with open(path, 'wb') as file:
        file.write(whole.getvalue())


def spread(samples, count):
    """So many of the samples, the first and the last among them."""
    if len(samples) <= count:
        return list(enumerate(samples))
    chosen = sorted({round(i * (len(samples) - 1) / max(1, count - 1)) for i in range(count)})
    return [(i, samples[i]) for i in chosen]


def main():
    folder, shard, shards, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    dtypes = {name: DTYPES[name] for name in sys.argv[5].split(',')}
    only = set(sys.argv[6:])
    os.makedirs(folder, exist_ok=True)
    journal = os.path.join(folder, f'{shard}.jsonl')
    done, begun = set(), None
    if os.path.exists(journal):
        with open(journal) as file:
            for line in file:
                entry = json.loads(line)
                done.add(entry.get('begin') or entry['operator'])
                begun = entry.get('begin', begun)
                if entry.get('end'):
                    begun = None
    signal.signal(signal.SIGALRM, too_long)
    with open(journal, 'a') as file, torch.no_grad():
        def note(**entry):
            file.write(json.dumps(entry) + '\n')
            file.flush()

        if begun is not None:
            note(case=begun, operator=begun, dtype='', skipped='PyTorch ended the process')
        infos = [info for info in op_db if not only or info.name in only]
        for info in infos[shard::shards]:
            operator = info.name + (f'.{info.variant_test_name}' if info.variant_test_name else '')
            if operator in done:
                continue
            note(begin=operator, operator=operator)
            for name, dtype in dtypes.items():
                if dtype not in info.supported_dtypes('cpu'):
                    continue
                if info.name in UNINITIALIZED:
                    note(case=f'{operator}.{name}', operator=operator, dtype=name, skipped='uninitialized')
                    continue
                torch.manual_seed(0)
                signal.alarm(SECONDS)
                try:
                    samples = list(itertools.islice(info.sample_inputs('cpu', dtype, requires_grad=False), MOST_SAMPLES))
                except Exception as failure:
                    note(case=f'{operator}.{name}', operator=operator, dtype=name, skipped='no samples', why=str(failure)[:200])
                    continue
                finally:
                    signal.alarm(0)
                # The forms of an operator are those of its floating point samples; other types need fewer.
                for i, sample in spread(samples, count if name.startswith('float') else max(1, count // 2)):
                    case = f'{operator}.{name}.{i}'
                    path = os.path.join(folder, case.replace('/', '-') + '.pt2')
                    signal.alarm(SECONDS)
                    try:
                        export(info.op, sample, path)
                        signal.alarm(0)
                        note(case=case, operator=operator, dtype=name, file=os.path.basename(path))
                    except Skip as skip:
                        note(case=case, operator=operator, dtype=name, skipped=skip.kind, why=skip.why)
                    except TimeoutError as failure:
                        note(case=case, operator=operator, dtype=name, skipped='too slow', why=str(failure))
                    except Exception as failure:
                        note(case=case, operator=operator, dtype=name, skipped='PyTorch refuses it', why=f'{type(failure).__name__}: {str(failure)[:200]}')
                    finally:
                        signal.alarm(0)
            note(operator=operator, begin=operator, end=True)
        note(operator='', begin='', end=True, complete=True, torch=torch.__version__)


main()
