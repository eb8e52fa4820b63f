"""What `npm run bench -- convert-tensorflow` has TensorFlow do.

    python tensorflow_peer.py export FOLDER NAME     a model of keras_models.py: a folder FOLDER/NAME with saved_model/,
        model.keras, samples.safetensors (inputs and TensorFlow's outputs at two batch sizes), what TensorFlow's own converter
        and tf2onnx make of the SavedModel, and facts.json with the processor time that took
    python tensorflow_peer.py time FOLDER NAME KIND THREADS     answers each number of steps on its input with the time of one
"""
import json
import os
import struct
import sys
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
import numpy as np
import tensorflow as tf

BATCHES = (2, 3)


def write_safetensors(path, arrays):
    """Float32 arrays by name: a length, a header of JSON, the numbers."""
    header, at = {}, 0
    for name, array in arrays.items():
        header[name] = {'dtype': 'F32', 'shape': list(array.shape), 'data_offsets': [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array, np.float32).tobytes())


def processor_seconds(work):
    """Of all threads: what a machine that does other work beside it changes least."""
    start = time.process_time()
    work()
    return time.process_time() - start


def first_line(failure):
    return f'{type(failure).__name__}: {str(failure).strip().splitlines()[0][:300] if str(failure).strip() else ""}'


def convert_to_tflite(saved, path):
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    with open(path, 'wb') as file:
        file.write(converter.convert())


def convert_to_onnx(saved, path):
    import tf2onnx
    served = tf.saved_model.load(saved).signatures['serving_default']
    [(name, spec)] = served.structured_input_signature[1].items()
    called = tf.function(lambda x: served(**{name: x}))
    tf2onnx.convert.from_function(called, input_signature=[spec], opset=18, output_path=path)


def export(folder, name):
    import keras

    import keras_models
    place = os.path.join(folder, name)
    os.makedirs(place, exist_ok=True)
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    model = keras_models.MODELS[name]()
    keras_models.randomize(model, rng, zeros=True)
    facts = {'name': name, 'tensorflow': tf.__version__, 'keras': keras.__version__, 'parameters': int(model.count_params())}
    samples = {}
    for batch in BATCHES:
        samples[f'{batch}/input/0'] = keras_models.numbers(model, name, batch, rng)
        samples[f'{batch}/output/0'] = model(samples[f'{batch}/input/0'], training=False).numpy()
    write_safetensors(os.path.join(place, 'samples.safetensors'), samples)
    saved = os.path.join(place, 'saved_model')
    model.export(saved, verbose=False)
    model.save(os.path.join(place, 'model.keras'))
    for peer, convert, file in [('tflite', convert_to_tflite, 'model.tflite'), ('tf2onnx', convert_to_onnx, 'model.onnx')]:
        try:
            facts[f'{peer}_seconds'] = processor_seconds(lambda: convert(saved, os.path.join(place, file)))
        except ImportError:
            facts[f'{peer}_failure'] = f'{peer} is not installed beside TensorFlow'
        except Exception as failure:
            facts[f'{peer}_failure'] = first_line(failure)
    with open(os.path.join(place, 'facts.json'), 'w') as file:
        json.dump(facts, file)


def work(folder, name, kind, threads):
    """A function that runs the model once on its first sample."""
    place = os.path.join(folder, name)
    with open(os.path.join(place, 'samples.safetensors'), 'rb') as file:
        [length] = struct.unpack('<Q', file.read(8))
        entry = json.loads(file.read(length))[f'{BATCHES[0]}/input/0']
        file.seek(8 + length + entry['data_offsets'][0])
        x = np.frombuffer(file.read(4 * int(np.prod(entry['shape']))), np.float32).reshape(entry['shape'])
    if kind == 'tflite':
        interpreter = tf.lite.Interpreter(os.path.join(place, 'model.tflite'), num_threads=threads)
        [given] = interpreter.get_input_details()
        interpreter.resize_tensor_input(given['index'], x.shape)
        interpreter.allocate_tensors()
        output = interpreter.get_output_details()[0]['index']

        def run():
            interpreter.set_tensor(given['index'], x)
            interpreter.invoke()
            return interpreter.get_tensor(output)
        return run
    loaded = tf.saved_model.load(os.path.join(place, 'saved_model'))
    served = loaded.signatures['serving_default']
    [argument] = served.structured_input_signature[1]
    tensor = tf.constant(x)
    # The signature's variables live as long as what was loaded.
    return lambda loaded=loaded: [value.numpy() for value in served(**{argument: tensor}).values()]


def answer(folder, name, kind, threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    try:
        run = work(folder, name, kind, threads)
        for _ in range(2):
            run()
        print(json.dumps({}), flush=True)
    except Exception as failure:
        print(json.dumps({'error': first_line(failure)}), flush=True)
        return
    for line in sys.stdin:
        steps = int(line)
        start = time.perf_counter()
        for _ in range(steps):
            run()
        print(json.dumps({'ms': (time.perf_counter() - start) * 1000 / steps}), flush=True)


task, *rest = sys.argv[1:]
if task == 'export':
    export(*rest)
else:
    answer(*rest[:3], int(rest[3]))
