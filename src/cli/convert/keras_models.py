"""Keras models with random weights, by name: what the converter is measured on, and what the fixtures of its tests are made
of. Nothing is downloaded."""
import keras
import numpy as np
from keras import layers


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


def normalized():
    """One layer whose statistics were seen in data, one that normalizes all numbers alike."""
    inputs = keras.Input((6, 4))
    scale, whole = layers.Normalization(), layers.Normalization(axis=None)
    rng = np.random.default_rng(7)
    scale.adapt(rng.normal([1, -2, 30, 0], [1, 0.1, 20, 3], (50, 6, 4)).astype(np.float32))
    whole.adapt(rng.normal(5, 2, (50, 6, 4)).astype(np.float32))
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([scale(inputs), whole(inputs)])))


def scaled():
    """Statistics that are given, and the layers that Keras's applications have of their own."""
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer
    inputs = keras.Input((8, 8, 3))
    x = layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.05, 0.06, 0.07])(inputs)
    x = layers.Conv2D(4, 3, padding='same')(layers.Normalization(mean=0.2, variance=3.0)(x))
    y = LayerScale(0.3, 4)(layers.Dense(4)(layers.LayerNormalization()(x)))
    x = layers.Add()([x, StochasticDepth(0.2)(y)])
    y = LayerScale(0.7, 4)(layers.Conv2D(4, 1)(x))
    x = CustomScaleLayer(0.17)([x, y])
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


SMALL = {
    'dense': seq((6,), lambda: layers.Dense(8, activation='relu'), lambda: layers.Dropout(0.3), lambda: layers.Dense(3, activation='softmax')),
    'cnn': seq((8, 8, 3), lambda: layers.Conv2D(4, 3, activation='relu'), lambda: layers.BatchNormalization(), lambda: layers.MaxPooling2D(), lambda: layers.Flatten(), lambda: layers.Dense(2)),
    'convs': convs,
    'arithmetic': arithmetic,
    'unet': unet,
    'attention': attention,
    'normalized': normalized,
    'scaled': scaled,
    'lstm': seq((7, 5), lambda: layers.LSTM(6, return_sequences=True), lambda: layers.LSTM(4), lambda: layers.Dense(2)),
    'gru': seq((7, 5), lambda: layers.Bidirectional(layers.GRU(6)), lambda: layers.Dense(2)),
    'conv1d': seq((20, 3), lambda: layers.Conv1D(8, 5, padding='causal', activation='elu'), lambda: layers.MaxPooling1D(2), lambda: layers.Conv1D(4, 3, strides=2), lambda: layers.GlobalMaxPooling1D()),
}


def application(name, **options):
    """At its own size with 1000 classes; logits, because a softmax over random ones hides what they differ by."""
    options = {'classifier_activation': None, **options}
    return lambda: getattr(keras.applications, name)(weights=None, **options)


APPLICATIONS = {
    # Without a size they take pictures of any.
    **{name: application(name, input_shape=(224, 224, 3)) for name in ['MobileNetV3Small', 'MobileNetV3Large']},
    **{name: application(name) for name in [
        'MobileNet', 'MobileNetV2', 'ResNet50', 'ResNet50V2', 'DenseNet121',
        'EfficientNetB0', 'EfficientNetV2B0', 'NASNetMobile', 'Xception', 'InceptionV3', 'InceptionResNetV2', 'ConvNeXtTiny',
    ]},
    'VGG16': lambda: keras.applications.VGG16(weights=None, include_top=False, pooling='avg', input_shape=(224, 224, 3)),
}

MODELS = {**APPLICATIONS, **SMALL}


def randomize(model, rng, zeros=False):
    """Numbers that show mistakes: statistics that are not zero and one and, with `zeros`, no weights that hide what they add
    to or multiply (biases, and the scales of residual branches, which begin near zero)."""
    every = list(model._flatten_layers())
    # Normalization reads its statistics when it is built or loaded: changed ones would be the file's and not this model's. By
    # weight and not by layer, because a model is among its own layers and has all their weights.
    kept = {id(w) for layer in every if isinstance(layer, layers.Normalization) for w in layer.weights}
    for layer in every:
        statistics = isinstance(layer, layers.BatchNormalization)
        for w in layer.weights if statistics or zeros else []:
            if id(w) in kept:
                continue
            if statistics:
                positive = 'variance' in w.path or 'gamma' in w.path
                w.assign(rng.uniform(0.6, 1.4, w.shape) if positive else rng.normal(0, 0.2, w.shape))
            elif 'float' in str(w.dtype) and np.abs(np.asarray(w)).max(initial=0) < 1e-3:
                w.assign(rng.normal(0, 0.05, w.shape) if 'bias' in w.path else rng.uniform(0.05, 0.15, w.shape))


def numbers(model, name, batch, rng):
    """An input for the model: pictures from 0 to 1, or to 255 for the applications that scale by themselves."""
    shape = (batch, *model.input_shape[1:])
    if name not in APPLICATIONS:
        return rng.normal(0, 1, shape).astype(np.float32)
    scales = any(isinstance(layer, layers.Rescaling) for layer in model._flatten_layers())
    return (rng.uniform(0, 1, shape) * (255 if scales else 1)).astype(np.float32)
