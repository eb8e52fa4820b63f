"""Lays out what the official onnx package says about its own test models, for conformance.test.ts to compare with.

    python test/onnx/conformance.py FOLDER

Writes, for every model under onnx/backend/test/data and every node test case of onnx.backend.test, FOLDER/N.onnx (the
model), FOLDER/N.inferred.onnx (after onnx.shape_inference with data propagation; missing when it refuses), and
FOLDER/index.json: { onnx: version, entries: [{ file, area, name, valid, full, error, mutation }] }. Broken variants of
the models come with `mutation` set: which rule was broken.
"""
import copy
import glob
import json
import os
import random
import sys

import onnx
from onnx import checker, shape_inference

folder = sys.argv[1]
entries = []


def verdict(model, full=False):
    try:
        checker.check_model(model, full_check=full)
        return True, ''
    except Exception as error:  # noqa: BLE001 - any refusal counts
        return False, str(error)[:300]


def without_answers(model):
    """The model without the types that it states for what its nodes make: inference has to find them."""
    other = copy.deepcopy(model)
    del other.graph.value_info[:]
    for output in other.graph.output:
        output.ClearField('type')
    return other


def add(area, name, model, mutation=None):
    number = len(entries)
    data = model.SerializeToString(deterministic=True)
    with open(os.path.join(folder, f'{number}.onnx'), 'wb') as f:
        f.write(data)
    valid, error = verdict(model)
    if mutation is None:
        try:
            inferred = shape_inference.infer_shapes(without_answers(model), data_prop=True)
            with open(os.path.join(folder, f'{number}.inferred.onnx'), 'wb') as f:
                f.write(inferred.SerializeToString())
        except Exception as refused:  # noqa: BLE001
            if valid:
                error = 'inference: ' + str(refused)[:300]
    # The full check also infers; it is what our validator does by default. Asked only where the plain check accepts.
    full = verdict(model, True)[0] if valid and mutation is not None else valid
    entries.append({'file': number, 'area': area, 'name': name, 'valid': valid, 'full': full, 'error': error, 'mutation': mutation})


def mutations(model, rng):
    """Variants that break one rule each."""
    def variant(change):
        other = copy.deepcopy(model)
        change(other)
        return other

    nodes = model.graph.node
    if not nodes:
        return
    k = rng.randrange(len(nodes))
    node = nodes[k]

    def extra_attribute(m):
        a = m.graph.node[k].attribute.add()
        a.name, a.type, a.i = 'no_such_attribute', onnx.AttributeProto.INT, 1
    yield 'unknown attribute', variant(extra_attribute)
    yield 'unknown operator', variant(lambda m: setattr(m.graph.node[k], 'op_type', 'NoSuchOperator'))
    if node.input:
        def dangling(m):
            m.graph.node[k].input[0] = 'no_such_value'
        yield 'dangling input', variant(dangling)
    yield 'too many inputs', variant(lambda m: m.graph.node[k].input.extend([m.graph.node[k].input[0] if m.graph.node[k].input else 'x'] * 40))
    yield 'no graph name', variant(lambda m: m.graph.ClearField('name'))
    yield 'no opset', variant(lambda m: m.ClearField('opset_import'))
    yield 'future ir version', variant(lambda m: setattr(m, 'ir_version', 1000))
    if node.output and node.output[0]:
        def twice(m):
            m.graph.node.append(copy.deepcopy(m.graph.node[k]))
        yield 'output made twice', variant(twice)
    if node.attribute:
        def wrong_kind(m):
            a = m.graph.node[k].attribute[0]
            name = a.name
            a.Clear()
            a.name, a.type = name, onnx.AttributeProto.STRINGS
            a.strings.append(b'x')
        yield 'attribute of another kind', variant(wrong_kind)

        def no_attributes(m):
            del m.graph.node[k].attribute[:]
        yield 'attributes removed', variant(no_attributes)
    if len(nodes) > 1:
        def reverse(m):
            turned = list(m.graph.node)[::-1]
            del m.graph.node[:]
            m.graph.node.extend(turned)
        yield 'order reversed', variant(reverse)
    if model.graph.initializer:
        def short(m):
            t = m.graph.initializer[rng.randrange(len(m.graph.initializer))]
            t.dims.append(7)
        yield 'initializer too short', variant(short)


rng = random.Random(7)
data_folder = os.path.join(os.path.dirname(onnx.__file__), 'backend', 'test', 'data')
models = []
for path in sorted(glob.glob(os.path.join(data_folder, '**', '*.onnx'), recursive=True)):
    area = os.path.relpath(path, data_folder).split(os.sep)[0]
    models.append((area, os.path.relpath(path, data_folder), onnx.load(path)))
if '--nodes' in sys.argv:
    from onnx.backend.test.case.node import collect_testcases
    for case in collect_testcases(None):
        if case.model is not None:
            models.append(('node', case.name, case.model))
for area, name, model in models:
    add(area, name, model)
    if area != 'node' or rng.random() < 0.2:
        for mutation, variant in mutations(model, rng):
            add(area, name, variant, mutation)
with open(os.path.join(folder, 'index.json'), 'w') as f:
    json.dump({'onnx': onnx.__version__, 'entries': entries}, f)
