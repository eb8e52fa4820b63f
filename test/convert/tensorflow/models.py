"""Writes TensorFlow models and what they compute, for tensorflow.test.ts to compare with.

    python test/convert/tensorflow/models.py FOLDER [small]

Writes for each model NAME: FOLDER/NAME (a SavedModel), FOLDER/NAME.keras, FOLDER/NAME.h5, and FOLDER/NAME.json:
{ inputs: [[name, shape, base64 float32]], outputs: [[shape, base64]] } for batches of two sizes. Weights are random
(seeded); `small` writes only the models that are committed as fixtures.
"""
import base64
import json
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
import numpy as np
import tensorflow as tf
import keras
from keras import layers

folder, only = sys.argv[1], sys.argv[2:]
tf.random.set_seed(1)
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
A = keras.applications


def seq(shape, *stack):
    return lambda: keras.Sequential([keras.Input(shape), *[make() for make in stack]])


def attention():
    x = inputs = keras.Input((10, 16))
    y = layers.MultiHeadAttention(2, 8)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Dense(16)(layers.Dense(32, activation='gelu')(x))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def arithmetic():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, padding='same')(inputs)
    x = layers.Multiply()([x, layers.ReLU(6)(x + 3.0) * (1 / 6)])
    x = layers.Conv2D(3, 1)(2.0 - x)
    return keras.Model(inputs, 1.0 / ((x / 4.0) ** 2 + 1))


def unet():
    inputs = keras.Input((16, 16, 2))
    a = layers.LeakyReLU(negative_slope=0.1)(layers.Conv2D(4, 3, padding='same')(inputs))
    b = layers.Conv2D(8, 3, strides=2, padding='same', activation='swish')(a)
    c = layers.Conv2DTranspose(4, 3, strides=2, padding='same')(b)
    d = layers.UpSampling2D(2, interpolation='bilinear')(b)
    e = layers.Concatenate()([a, c, d, layers.ZeroPadding2D(1)(layers.Cropping2D(1)(inputs))])
    return keras.Model(inputs, layers.Conv2D(1, 1, activation='sigmoid')(e))


def convs():
    inputs = keras.Input((12, 12, 4))
    a = layers.SeparableConv2D(6, 3, padding='same')(inputs)
    b = layers.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=2, padding='same')(inputs)
    x = layers.BatchNormalization()(layers.Concatenate()([a, b]))
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.AveragePooling2D(3, strides=2, padding='same')(x)
    x = layers.Conv2D(6, 3, dilation_rate=2, groups=2)(x)
    x = layers.GroupNormalization(groups=3)(x)
    return keras.Model(inputs, layers.Dense(4, activation='softmax')(layers.Flatten()(x)))


SMALL = {
    'dense': seq((6,), lambda: layers.Dense(8, activation='relu'), lambda: layers.Dropout(0.3), lambda: layers.Dense(3, activation='softmax')),
    'cnn': seq((8, 8, 3), lambda: layers.Conv2D(4, 3, activation='relu'), lambda: layers.BatchNormalization(), lambda: layers.MaxPooling2D(), lambda: layers.Flatten(), lambda: layers.Dense(2)),
    'convs': convs,
    'arithmetic': arithmetic,
    'unet': unet,
    'attention': attention,
    'lstm': seq((7, 5), lambda: layers.LSTM(6, return_sequences=True), lambda: layers.LSTM(4), lambda: layers.Dense(2)),
    'gru': seq((7, 5), lambda: layers.Bidirectional(layers.GRU(6)), lambda: layers.Dense(2)),
    'conv1d': seq((20, 3), lambda: layers.Conv1D(8, 5, padding='causal', activation='elu'), lambda: layers.MaxPooling1D(2), lambda: layers.Conv1D(4, 3, strides=2), lambda: layers.GlobalMaxPooling1D()),
}
APPLICATIONS = {
    'mobilenet': lambda: A.MobileNet((64, 64, 3), alpha=0.25, weights=None, classes=20),
    'mobilenet_v2': lambda: A.MobileNetV2((64, 64, 3), alpha=0.35, weights=None, classes=20),
    'mobilenet_v3_small': lambda: A.MobileNetV3Small((64, 64, 3), weights=None, classes=20),
    'mobilenet_v3_large': lambda: A.MobileNetV3Large((64, 64, 3), weights=None, classes=20),
    'resnet50': lambda: A.ResNet50(input_shape=(64, 64, 3), weights=None, classes=20),
    'resnet50_v2': lambda: A.ResNet50V2(input_shape=(64, 64, 3), weights=None, classes=20),
    'densenet121': lambda: A.DenseNet121(input_shape=(64, 64, 3), weights=None, classes=20),
    'efficientnet_b0': lambda: A.EfficientNetB0(input_shape=(64, 64, 3), weights=None, classes=20),
    'efficientnet_v2_b0': lambda: A.EfficientNetV2B0(input_shape=(64, 64, 3), weights=None, classes=20),
    'nasnet_mobile': lambda: A.NASNetMobile(input_shape=(64, 64, 3), weights=None, classes=20),
    'xception': lambda: A.Xception(input_shape=(80, 80, 3), weights=None, classes=20),
    'inception_v3': lambda: A.InceptionV3(input_shape=(80, 80, 3), weights=None, classes=20),
    'convnext_tiny': lambda: A.ConvNeXtTiny(input_shape=(64, 64, 3), weights=None, classes=20),
    'vgg16': lambda: A.VGG16(input_shape=(32, 32, 3), include_top=False, pooling='avg', weights=None),
}


def randomize(model):
    """Numbers that show mistakes: biases and statistics that are not zero and one."""
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for w in layer.weights:
                positive = 'variance' in w.path or 'gamma' in w.path
                w.assign(rng.uniform(0.6, 1.4, w.shape) if positive else rng.normal(0, 0.2, w.shape))


def text(array):
    return [list(array.shape), base64.b64encode(np.ascontiguousarray(array, np.float32)).decode()]


os.makedirs(folder, exist_ok=True)
chosen = SMALL if only == ['small'] else {**SMALL, **APPLICATIONS}
for name, make in chosen.items():
    if only and only != ['small'] and name not in only:
        continue
    keras.backend.clear_session()
    model = make()
    randomize(model)
    model.export(os.path.join(folder, name), verbose=False)
    model.save(os.path.join(folder, name + '.keras'))
    model.save(os.path.join(folder, name + '.h5'))
    cases = []
    for batch in (2, 3):
        x = rng.normal(0, 1, (batch, *model.input_shape[1:])).astype(np.float32)
        if name in APPLICATIONS:
            x = rng.uniform(0, 1, x.shape).astype(np.float32) * (255 if 'v3' in name and 'mobile' in name else 1)
        y = model(x, training=False)
        cases.append({'input': text(x), 'output': text(y.numpy())})
    with open(os.path.join(folder, name + '.json'), 'w') as f:
        json.dump(cases, f)
    print(name, model.count_params(), flush=True)
