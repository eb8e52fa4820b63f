"""Writes the small models of src/cli/convert/keras_models.py and what they compute, for tensorflow.test.ts to compare with.

    python test/convert/tensorflow/models.py FOLDER [NAME ...]

Writes for each model NAME: FOLDER/NAME (a SavedModel), FOLDER/NAME.keras, FOLDER/NAME.h5, and FOLDER/NAME.json:
a list of { input: [shape, base64 float32], output } for batches of two sizes. Weights are random (seeded).
"""
import base64
import json
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..', 'src', 'cli', 'convert'))
import keras
import numpy as np
from keras_models import SMALL, numbers, randomize

folder, only = sys.argv[1], sys.argv[2:]
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)


def text(array):
    return [list(array.shape), base64.b64encode(np.ascontiguousarray(array, np.float32)).decode()]


os.makedirs(folder, exist_ok=True)
for name, make in SMALL.items():
    if only and name not in only:
        continue
    keras.backend.clear_session()
    model = make()
    randomize(model, rng)
    model.export(os.path.join(folder, name), verbose=False)
    model.save(os.path.join(folder, name + '.keras'))
    model.save(os.path.join(folder, name + '.h5'))
    cases = []
    for batch in (2, 3):
        x = numbers(model, name, batch, rng)
        cases.append({'input': text(x), 'output': text(model(x, training=False).numpy())})
    with open(os.path.join(folder, name + '.json'), 'w') as f:
        json.dump(cases, f)
    print(name, model.count_params(), flush=True)
