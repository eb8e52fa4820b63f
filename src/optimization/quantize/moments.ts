// Second moments of what goes into a layer, H = Σ x xᵀ over all patches or rows x, accumulated one sample at a time: all that
// GPTQ and AdaRound need to know of the data, in memory that depends on the layer only.
import { random, type Random } from '../../core'
import type { Observer } from './calibrate'
import type { Layer } from './layers'

/** Patches of a convolution that are taken from one sample, drawn at random when there are more. */
const MOST_PATCHES = 256

export class MomentObserver implements Observer {
  /** One [columns × columns] matrix for each group; only the upper triangles are kept up to date until `matrices`. */
  private readonly sums: Float64Array[]
  private readonly draw: Random = random(1)
  /** How many x were seen. */
  count = 0

  constructor(private readonly layer: Layer) {
    this.sums = Array.from({ length: layer.groups }, () => new Float64Array(layer.columns * layer.columns))
  }

  see(values: ArrayLike<number>, shape: readonly number[]): void {
    if (this.layer.node.opType === 'Conv') this.patches(values, shape)
    else this.rows(values)
  }

  /** 2 H / n for each group, whole matrices. */
  matrices(): Float64Array[] {
    const { columns } = this.layer
    return this.sums.map((sum) => {
      const out = new Float64Array(sum.length)
      for (let i = 0; i < columns; i++) {
        for (let j = i; j < columns; j++) {
          out[i * columns + j] = out[j * columns + i] = (2 * (sum[i * columns + j] ?? 0)) / Math.max(1, this.count)
        }
      }
      return out
    })
  }

  private rows(values: ArrayLike<number>): void {
    const { columns } = this.layer
    const x = new Float64Array(columns)
    for (let row = 0; row + columns <= values.length; row += columns) {
      for (let k = 0; k < columns; k++) x[k] = values[row + k] ?? 0
      this.add(0, x)
      this.count++
    }
  }

  private patches(values: ArrayLike<number>, shape: readonly number[]): void {
    const { layer } = this
    const g = convolutionGeometry(layer, shape)
    const places = g.batch * g.positions
    const taken = places <= MOST_PATCHES ? Array.from({ length: places }, (_, i) => i)
      : Array.from({ length: MOST_PATCHES }, () => this.draw.int(places))
    const x = new Float64Array(layer.columns)
    for (const place of taken) {
      for (let group = 0; group < layer.groups; group++) {
        g.patch(values, Math.floor(place / g.positions), place % g.positions, group, x)
        this.add(group, x)
      }
      this.count++
    }
  }

  private add(group: number, x: Float64Array): void {
    const sum = this.sums[group]
    if (sum === undefined) return
    const n = x.length
    for (let i = 0; i < n; i++) {
      const a = x[i] ?? 0
      if (a === 0) continue
      const row = i * n
      for (let j = i; j < n; j++) sum[row + j] = (sum[row + j] ?? 0) + a * (x[j] ?? 0)
    }
  }
}

/** Where the patches of a convolution's input lie. */
export interface Geometry {
  readonly batch: number
  /** Places of the output of one image. */
  readonly positions: number
  /** Writes the patch of a place into `x`, in the order of the weight's columns; zeros outside the image. */
  readonly patch: (values: ArrayLike<number>, image: number, position: number, group: number, x: Float64Array) => void
}

/**
 * The geometry of a Conv over any number of spatial axes (ONNX, Conv).
 *
 * @param shape of the input: [N, C, d₁, d₂ …]
 */
export function convolutionGeometry(layer: Layer, shape: readonly number[]): Geometry {
  const { node, groups } = layer
  const [batch = 1, channels = 1, ...sizes] = shape
  const kernel = layer.tensor.shape.slice(2)
  const ones = sizes.map(() => 1)
  const strides = node.ints('strides', ones)
  const dilations = node.ints('dilations', ones)
  const reach = kernel.map((size, axis) => (size - 1) * (dilations[axis] ?? 1) + 1)
  const { before, after } = padding(node.string('auto_pad', 'NOTSET'), node.ints('pads'), sizes, strides, reach)
  const out = sizes.map((size, axis) => Math.floor((size + (before[axis] ?? 0) + (after[axis] ?? 0) - (reach[axis] ?? 1)) / (strides[axis] ?? 1)) + 1)
  const positions = out.reduce((product, size) => product * size, 1)
  const area = sizes.reduce((product, size) => product * size, 1)
  const perGroup = channels / groups
  const taps = kernel.reduce((product, size) => product * size, 1)
  return {
    batch, positions,
    patch: (values, image, position, group, x) => {
      const start: number[] = []
      let rest = position
      for (let axis = sizes.length - 1; axis >= 0; axis--) {
        const size = out[axis] ?? 1
        start[axis] = (rest % size) * (strides[axis] ?? 1) - (before[axis] ?? 0)
        rest = Math.floor(rest / size)
      }
      for (let tap = 0; tap < taps; tap++) {
        let inside = 0
        let step = 1
        let left = tap
        for (let axis = sizes.length - 1; axis >= 0; axis--) {
          const size = kernel[axis] ?? 1
          const at = (start[axis] ?? 0) + (left % size) * (dilations[axis] ?? 1)
          left = Math.floor(left / size)
          if (at < 0 || at >= (sizes[axis] ?? 0)) inside = -Infinity
          inside += at * step
          step *= sizes[axis] ?? 1
        }
        for (let c = 0; c < perGroup; c++) {
          x[c * taps + tap] = inside < 0 ? 0 : values[(image * channels + group * perGroup + c) * area + inside] ?? 0
        }
      }
    },
  }
}

function padding(
  mode: string, pads: readonly number[] | undefined, sizes: readonly number[], strides: readonly number[], reach: readonly number[],
): { before: number[]; after: number[] } {
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = sizes.map((size, axis) => Math.max(0, (Math.ceil(size / (strides[axis] ?? 1)) - 1) * (strides[axis] ?? 1) + (reach[axis] ?? 1) - size))
    const small = total.map((sum) => Math.floor(sum / 2))
    const large = total.map((sum) => Math.ceil(sum / 2))
    return mode === 'SAME_UPPER' ? { before: small, after: large } : { before: large, after: small }
  }
  const rank = sizes.length
  return { before: sizes.map((_, axis) => pads?.[axis] ?? 0), after: sizes.map((_, axis) => pads?.[rank + axis] ?? 0) }
}
