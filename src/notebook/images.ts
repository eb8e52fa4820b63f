// A grid of small images, such as digits of MNIST: each a PNG made here, so that nothing but text leaves the process.
import { crc32, deflateSync } from 'node:zlib'
import { elementCount } from '../core'
import { NotebookError } from './errors'
import { escapeHtml, oneLine } from './text'
import { View } from './view'

/** A dataset of this library, or anything with pixels row-major in `features` as `[n, height, width(, channels)]`. */
export interface ImagesLike {
  readonly features: ArrayLike<number>
  readonly shape: readonly number[]
  readonly labels?: ArrayLike<number>
  readonly classNames?: readonly string[]
}

/** How the grid looks. */
export interface ImagesOptions {
  readonly title: string
  /** A caption for each image; default: its label's name, where there are labels. */
  readonly captions?: readonly string[]
  /** Images shown at most; default 20. */
  readonly limit?: number
  /** Pixels of the page that an image is wide; default 64. */
  readonly size?: number
}

/**
 * A grid of images. The darkest value is black and the lightest white, over all images shown.
 *
 * @example
 * images(loadMnist({ test: 20 }).test, { title: 'Digits of the test set' })
 * @throws NotebookError `IMAGES_SHAPE` when the shape is not that of grey or RGB images
 */
export function images(from: ImagesLike, options: ImagesOptions): View {
  const [n = 0, height = 0, width = 0, channels = 1] = from.shape
  if (from.shape.length < 3 || from.shape.length > 4 || (channels !== 1 && channels !== 3) || height * width === 0
    || from.features.length !== elementCount(from.shape)) {
    throw new NotebookError('IMAGES_SHAPE', 'These are not images', {
      expected: '[n, height, width], or with 1 or 3 channels at the end',
      got: `[${from.shape.join(', ')}] with ${from.features.length} numbers`,
    })
  }
  const count = Math.min(n, options.limit ?? 20)
  const each = height * width * channels
  let low = Infinity, high = -Infinity
  for (let i = 0; i < count * each; i++) {
    const value = from.features[i] ?? 0
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const grey = (i: number): number => Math.round((((from.features[i] ?? 0) - low) / (high - low || 1)) * 255)
  const caption = (i: number): string => {
    const label = from.labels?.[i]
    return options.captions?.[i] ?? (label === undefined ? '' : from.classNames?.[label] ?? String(label))
  }
  const size = options.size ?? 64
  const cells = Array.from({ length: count }, (_, i) => {
    const pixels = Uint8Array.from({ length: each }, (_, p) => grey(i * each + p))
    const data = encodePng(pixels, width, height, channels).toString('base64')
    const text = escapeHtml(oneLine(caption(i), 40))
    return `<figure style="margin:4px;text-align:center"><img alt="${text}" width="${size}" `
      + `style="image-rendering:pixelated" src="data:image/png;base64,${data}"><figcaption>${text}</figcaption></figure>`
  })
  const more = n > count ? `… ${(n - count).toLocaleString('en-US')} more` : ''
  return new View({
    'text/html': `<div><strong>${escapeHtml(options.title)}</strong><div style="display:flex;flex-wrap:wrap">${cells.join('')}</div>`
      + `${more === '' ? '' : `<em>${more}</em>`}</div>`,
    'text/plain': [options.title, ...asText(), ...more === '' ? [] : [more]].join('\n'),
  })

  /** The first images side by side, two rows of pixels to a line of half blocks; dark means ink in neither theme. */
  function asText(): string[] {
    const beside = Math.max(1, Math.min(count, Math.floor(118 / (width + 1))))
    if (count === 0 || width > 118) return []
    const bright = (i: number, y: number, x: number): boolean =>
      y < height && grey(i * each + (y * width + x) * channels) > 127
    const rows = Array.from({ length: Math.ceil(height / 2) }, (_, row) => Array.from({ length: beside }, (_, i) =>
      Array.from({ length: width }, (_, x) => {
        const top = bright(i, 2 * row, x)
        const bottom = bright(i, 2 * row + 1, x)
        return top ? (bottom ? '█' : '▀') : bottom ? '▄' : ' '
      }).join('')).join(' ').trimEnd())
    const names = Array.from({ length: beside }, (_, i) => caption(i)).filter((name) => name !== '')
    return names.length > 0 ? [...rows, names.join(', ')] : rows
  }
}

/** An 8-bit PNG, grey or RGB (W3C, Portable Network Graphics, 2003). */
export function encodePng(pixels: Uint8Array, width: number, height: number, channels: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, channels === 3 ? 2 : 0, 0, 0, 0], 8)
  // Every scan line begins with its filter: 0, none.
  const stride = width * channels
  const raw = Buffer.alloc(height * (stride + 1))
  for (let y = 0; y < height; y++) raw.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1)
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const out = Buffer.alloc(12 + data.length)
    out.writeUInt32BE(data.length, 0)
    out.write(type, 4, 'latin1')
    out.set(data, 8)
    out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length)
    return out
  }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header), chunk('IDAT', deflateSync(raw)), chunk('IEND', Buffer.alloc(0)),
  ])
}
