// Images of another size, as libraries of image processing make them: a model sees only the size that it was trained on.
import { Dataset } from './dataset'
import { DataError } from './errors'

/** Weights of the old pixels for each new one: the triangle filter, as wide as the step where an image shrinks. */
function filters(from: number, to: number): { readonly first: number, readonly weights: Float64Array }[] {
  const step = from / to
  const width = Math.max(1, step)
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * step
    const first = Math.max(0, Math.ceil(centre - width - 0.5))
    const last = Math.min(from - 1, Math.floor(centre + width - 0.5))
    const weights = Float64Array.from({ length: last - first + 1 }, (_w, k) => Math.max(0, 1 - Math.abs(first + k + 0.5 - centre) / width))
    const sum = weights.reduce((a, b) => a + b, 0)
    return { first, weights: weights.map((w) => w / sum) }
  })
}

/**
 * The images of a dataset at height × width, bilinear; where they shrink, each new pixel is the mean over what it covers
 * (the triangle filter widened by the step), as Pillow's BILINEAR and PyTorch's `interpolate(antialias=True)` do.
 *
 * @param dataset images [h, w, channels]
 * @throws DataError `DATA_SHAPE` for samples that are no images, `DATA_RANGE` for sizes below 1
 */
export function resizeImages(dataset: Dataset, height: number, width: number): Dataset {
  const [h, w, channels, more] = dataset.sampleShape
  if (h === undefined || w === undefined || channels === undefined || more !== undefined) {
    throw new DataError('DATA_SHAPE', 'Only images can be resized', {
      expected: 'samples [height, width, channels]', got: `[${dataset.sampleShape.join(', ')}]`, where: dataset.name,
    })
  }
  if (![height, width].every((size) => Number.isInteger(size) && size > 0)) {
    throw new DataError('DATA_RANGE', 'An image needs a size', { expected: 'whole numbers of 1 or more', got: `${height} × ${width}`, where: dataset.name })
  }
  const [rows, columns] = [filters(h, height), filters(w, width)]
  const features = new Float32Array(dataset.length * height * width * channels)
  const between = new Float64Array(height * w * channels)
  for (let n = 0; n < dataset.length; n++) {
    const image = dataset.sample(n)
    between.fill(0)
    rows.forEach(({ first, weights }, y) => {
      weights.forEach((weight, k) => {
        for (let i = 0; i < w * channels; i++) {
          between[y * w * channels + i] = (between[y * w * channels + i] ?? 0) + weight * (image[(first + k) * w * channels + i] ?? 0)
        }
      })
    })
    for (let y = 0; y < height; y++) {
      columns.forEach(({ first, weights }, x) => {
        for (let c = 0; c < channels; c++) {
          let sum = 0
          for (let k = 0; k < weights.length; k++) sum += (weights[k] ?? 0) * (between[(y * w + first + k) * channels + c] ?? 0)
          features[((n * height + y) * width + x) * channels + c] = sum
        }
      })
    }
  }
  const { name, labels, classNames, labelName } = dataset
  const featureNames = Array.from({ length: height * width * channels }, (_, i) => `pixel_${Math.floor(i / (width * channels))}_${Math.floor(i / channels) % width}${channels > 1 ? `_${i % channels}` : ''}`)
  return new Dataset({ name, features, sampleShape: [height, width, channels], labels, classNames, labelName, featureNames })
}
