"""Runs a model file in the framework that made it: python framework.py torch|tensorflow|tflite FILE < inputs.json

Inputs come as a JSON list of {dtype, shape, data}; the last line of the output is a JSON list of flat outputs.
"""
import json
import sys

import numpy as np


def flat(outputs):
    if isinstance(outputs, dict):
        return list(outputs.values())
    return outputs if isinstance(outputs, (tuple, list)) else [outputs]


def run_torch(file, inputs):
    import torch
    program = torch.export.load(file)
    with torch.no_grad():
        outputs = program.module()(*[torch.from_numpy(x) for x in inputs])
    return [x.numpy() for x in flat(outputs)]


def run_tensorflow(file, inputs):
    import tensorflow as tf
    if file.endswith((".keras", ".h5")):
        outputs = tf.keras.models.load_model(file, compile=False)(inputs[0] if len(inputs) == 1 else inputs)
    else:
        function = tf.saved_model.load(file).signatures["serving_default"]
        names = list(function.structured_input_signature[1])
        outputs = list(function(**{n: tf.constant(x) for n, x in zip(names, inputs)}).values())
    return [np.asarray(x) for x in flat(outputs)]


def run_tflite(file, inputs):
    import tensorflow as tf
    interpreter = tf.lite.Interpreter(model_path=file)
    for detail, x in zip(interpreter.get_input_details(), inputs):
        interpreter.resize_tensor_input(detail["index"], x.shape)
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], x.astype(detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def main():
    module, file = sys.argv[1:]
    given = [np.array(x["data"], dtype=x["dtype"]).reshape(x["shape"]) for x in json.load(sys.stdin)]
    outputs = {"torch": run_torch, "tensorflow": run_tensorflow, "tflite": run_tflite}[module](file, given)
    print(json.dumps([[float(v) for v in np.ravel(x)] for x in outputs]).replace("NaN", '"NaN"').replace("Infinity", '"Infinity"'))


main()
