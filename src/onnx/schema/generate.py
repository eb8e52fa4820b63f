"""Writes operators.ts: every operator of ONNX's own domains in every version, as one line of text each.

Run by hand when a new ONNX release adds operators; needs the `onnx` package, whose operator registry is the source:

    python src/onnx/schema/generate.py > src/onnx/schema/operators.ts

Line: name since[!] | inputs | outputs | attributes | type variables
  parameter   name:type   type is a variable or a type; a suffix says `?` optional, `*n` variadic of at least n, each of
                          the same type, `+n` the same with types that may differ
  attribute   name:kind   with `!` when required, or `=` and the default as JSON
  variable    T=#3        number of the set of types it stands for, in TYPE_SETS
A `!` after the version says that the operator is deprecated from this version on.
"""
import json
import onnx
from onnx import defs, helper

NAMES = {'float': 'float32', 'double': 'float64'}
KINDS = {'FLOAT': 'float', 'INT': 'int', 'STRING': 'string', 'TENSOR': 'tensor', 'GRAPH': 'graph', 'FLOATS': 'floats',
         'INTS': 'ints', 'STRINGS': 'strings', 'TENSORS': 'tensors', 'GRAPHS': 'graphs', 'SPARSE_TENSOR': 'sparse',
         'SPARSE_TENSORS': 'sparses', 'TYPE_PROTO': 'type', 'TYPE_PROTOS': 'types'}


def type_name(text):
    """tensor(float) -> float32; seq(tensor(int64)) -> seq(int64)."""
    out = text.replace(' ', '')
    while 'tensor(' in out:
        start = out.index('tensor(')
        if start >= 7 and out[start - 7:start] == 'sparse_':
            end = out.index(')', start)
            out = out[:start - 7] + 'sparse[' + NAMES.get(out[start + 7:end], out[start + 7:end]) + ']' + out[end + 1:]
            continue
        end = out.index(')', start)
        out = out[:start] + NAMES.get(out[start + 7:end], out[start + 7:end]) + out[end + 1:]
    return out


def parameter(p):
    suffix = ''
    if p.option == defs.OpSchema.FormalParameterOption.Optional:
        suffix = '?'
    if p.option == defs.OpSchema.FormalParameterOption.Variadic:
        suffix = ('*' if p.is_homogeneous else '+') + str(p.min_arity)
    return f'{p.name.replace(" ", "_")}:{type_name(p.type_str)}{suffix}'


def attribute(a):
    text = f'{a.name}:{KINDS[a.type.name]}'
    if a.required:
        return text + '!'
    default = a.default_value
    if default is None or default.type == onnx.AttributeProto.UNDEFINED:
        return text
    value = helper.get_attribute_value(default)
    if isinstance(value, bytes):
        value = value.decode()
    elif isinstance(value, float):
        value = float(f'{value:.9g}')
    elif isinstance(value, onnx.TensorProto):
        return text
    elif not isinstance(value, int):
        value = [v.decode() if isinstance(v, bytes) else v for v in value]
    return text + '=' + json.dumps(value, separators=(',', ':'))


sets = {}
domains = {}
for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: (s.domain, s.name, s.since_version)):
    variables = []
    for constraint in schema.type_constraints:
        allowed = ' '.join(sorted(type_name(t) for t in constraint.allowed_type_strs))
        variables.append(f'{constraint.type_param_str}=#{sets.setdefault(allowed, len(sets))}')
    line = ' | '.join([
        f'{schema.name} {schema.since_version}{"!" if schema.deprecated else ""}',
        ' '.join(parameter(p) for p in schema.inputs),
        ' '.join(parameter(p) for p in schema.outputs),
        ' '.join(attribute(a) for _, a in sorted(schema.attributes.items())),
        ' '.join(variables),
    ])
    domains.setdefault(schema.domain, []).append(line)

print('// Written by generate.py from the operator registry of the onnx package; do not edit. The format is explained there.')
print()
print('/** Sets of types that type variables stand for. */')
print('export const TYPE_SETS: readonly string[] = [')
for allowed in sets:
    print(f"  '{allowed}',")
print(']')
print()
print('/** Operators by domain. */')
print('export const OPERATORS: Readonly<Record<string, readonly string[]>> = {')
for domain, lines in domains.items():
    print(f"  '{domain}': [")
    for line in lines:
        escaped = line.replace('\\', '\\\\').replace("'", "\\'")
        print(f"    '{escaped}',")
    print('  ],')
print('}')
