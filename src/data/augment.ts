// More training images from those there are.
import { random } from '../core'
import type { Dataset } from './dataset'
import { DataError } from './errors'

/**
 * The images, followed by `copies` of all of them, each image moved by its own random whole number of pixels along both axes;
 * what comes in at the border is 0.
 *
 * @param pixels the most that an image is moved along an axis
 * @throws DataError `DATA_SHAPE` when samples are no images [height, width, channels], `DATA_RANGE` when the numbers are no whole numbers above 0
 */
export function withShifts(dataset: Dataset, options: { readonly copies: number; readonly pixels: number; readonly seed: number }): Dataset {
  const { copies, pixels, seed } = options
  const [height = 0, width = 0, channels = 0] = dataset.sampleShape
  if (dataset.sampleShape.length !== 3) {
    throw new DataError('DATA_SHAPE', 'Only images can be moved', { expected: 'samples [height, width, channels]', got: `[${dataset.sampleShape.join(', ')}]`, where: dataset.name })
  }
  if (!Number.isInteger(copies) || copies < 1 || !Number.isInteger(pixels) || pixels < 1 || pixels >= Math.min(height, width)) {
    throw new DataError('DATA_RANGE', 'Images cannot be moved so', { expected: `copies of at least 1, pixels from 1 to ${Math.min(height, width) - 1}`, got: `copies ${copies}, pixels ${pixels}`, where: dataset.name })
  }
  const count = dataset.length
  const indices = Int32Array.from({ length: count * (copies + 1) }, (_, i) => i % count)
  const out = dataset.select(indices)
  const generator = random(seed)
  const size = height * width * channels
  for (let i = count; i < indices.length; i++) {
    const [down, right] = [generator.int(2 * pixels + 1) - pixels, generator.int(2 * pixels + 1) - pixels]
    const from = dataset.sample(i % count)
    const to = out.features.subarray(i * size, (i + 1) * size).fill(0)
    const first = Math.max(0, right), last = Math.min(width, width + right)
    for (let y = Math.max(0, down); y < Math.min(height, height + down); y++) {
      const row = (y - down) * width - right
      to.set(from.subarray((row + first) * channels, (row + last) * channels), (y * width + first) * channels)
    }
  }
  return out
}
