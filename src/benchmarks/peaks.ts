// What this machine can do at most, measured: floating-point operations and bytes a second, and the roofline from them.
import { build, writeModel } from '../onnx'
import { Session, tensor, type Tensors } from '../runtime'

/** The two roofs. */
export interface Peaks {
  /** Floating-point operations a second, float32: the best of several square matrix products. */
  readonly flops: number
  /** Bytes a second: the best of reading an array far larger than the caches and of copying one. */
  readonly bandwidth: number
  readonly threads: number
}

/** One layer under the roofs. */
export interface RooflinePoint {
  readonly name: string
  /** FLOP/B. */
  readonly intensity: number
  /** FLOP/s that the roofs allow: min(flops, intensity · bandwidth). */
  readonly attainable: number
  readonly bound: 'compute' | 'memory'
  /** Milliseconds at the roof. */
  readonly leastMs: number
  /** Share of the roof that was reached, where the time was measured. */
  readonly reached: number | undefined
}

/** Work of a layer: operations, bytes it must move (inputs, outputs, weights, each once), and milliseconds if measured. */
export interface LayerWork {
  readonly name: string
  readonly flops: number
  readonly bytes: number
  readonly milliseconds?: number
}

const MATRIX = 768
const ARRAY = 2 ** 24
const ROUNDS = 9

/** Seconds of the fastest of several runs. */
function fastest(run: () => void): number {
  run()
  let best = Infinity
  for (let i = 0; i < ROUNDS; i++) {
    const from = performance.now()
    run()
    best = Math.min(best, performance.now() - from)
  }
  return best / 1000
}

/**
 * Measures the roofs through the same runtime that runs the models, so that they are roofs of the software, too. Takes about
 * a second and 200 MB.
 *
 * @param threads of the runtime; 0: as many as it likes
 */
export function measurePeaks({ threads = 1 }: { readonly threads?: number } = {}): Peaks {
  const timed = (operator: 'MatMul' | 'ReduceMax', inputs: Tensors): number => {
    const model = build('probe', (g) => {
      g.output(g.op(operator, Object.entries(inputs).map(([name, { shape }]) => g.input(name, 'float32', shape)), operator === 'ReduceMax' ? { keepdims: 0 } : {}), 'y')
    })
    const session = Session.create(writeModel(model), { threads })
    try {
      return fastest(() => { session.runSync(inputs) })
    } finally {
      session.dispose()
    }
  }
  const square = tensor('float32', [MATRIX, MATRIX], new Float32Array(MATRIX * MATRIX).fill(0.5))
  const flops = (2 * MATRIX ** 3) / timed('MatMul', { a: square, b: square })
  const array = new Float32Array(ARRAY).fill(1), copy = new Float32Array(ARRAY)
  const read = array.byteLength / timed('ReduceMax', { a: tensor('float32', [1024, ARRAY / 1024], array) })
  const copied = (2 * array.byteLength) / fastest(() => { copy.set(array) })
  return { flops, bandwidth: Math.max(read, copied), threads }
}

/** Where each layer stands: attainable = min(peak, intensity · bandwidth). (Williams, Waterman, Patterson, Roofline, 2009.) */
export function roofline(layers: readonly LayerWork[], { flops, bandwidth }: Peaks): RooflinePoint[] {
  return layers.map(({ name, flops: work, bytes, milliseconds }) => {
    const intensity = bytes === 0 ? Infinity : work / bytes
    const seconds = Math.max(work / flops, bytes / bandwidth)
    return {
      name, intensity, attainable: Math.min(flops, intensity * bandwidth), bound: intensity * bandwidth >= flops ? 'compute' : 'memory',
      leastMs: 1000 * seconds, reached: milliseconds === undefined ? undefined : (1000 * seconds) / milliseconds,
    }
  })
}
