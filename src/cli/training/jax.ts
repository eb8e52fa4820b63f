// The training steps that are also written for jax-js (package @jax-js/jax, which the project does not depend on): whole
// steps under `jit`, weights updated by Adam. Every function takes its arguments over; `ref` keeps one for another use.
import { random } from '../../core'
import { cases } from './models'

interface A {
  readonly ref: A
  readonly shape: readonly number[]
  add(other: A | number): A
  sub(other: A): A
  mul(other: A | number): A
  div(other: A): A
  sum(): A
  reshape(shape: readonly number[]): A
  slice(...at: (number | readonly number[])[]): A
  dataSync(): ArrayLike<number>
  dispose(): void
}

type Tree = A | readonly Tree[]

interface Jax {
  init(device: 'wasm'): Promise<unknown>
  defaultDevice(device: 'wasm'): unknown
  jit<F>(f: F): F
  valueAndGrad(f: (p: readonly A[], x: A, y: A) => A): (p: readonly A[], x: A, y: A) => readonly [A, readonly A[]]
  readonly numpy: {
    array(data: Float32Array | number): A
    zeros(shape: readonly number[]): A
    matmul(a: A, b: A): A
    max(a: A): A
    sqrt(a: A): A
    square(a: A): A
    tanh(a: A): A
  }
  readonly nn: { relu(a: A): A; sigmoid(a: A): A; logSoftmax(a: A): A }
  readonly lax: {
    convGeneralDilated(x: A, w: A, strides: readonly number[], padding: 'SAME'): A
    reduceWindow(x: A, fold: (window: A) => A, size: readonly number[], strides: readonly number[]): A
  }
}

interface Written {
  readonly input: readonly number[]
  readonly weights: readonly (readonly number[])[]
  logits(jax: Jax, weights: readonly A[], x: A): A
}

const dense = ({ numpy }: Jax, x: A, w: A, b: A): A => numpy.matmul(x, w).add(b)

/** What is written for jax-js, by the names of `cases`. Images lie as NCHW, sequences with time first. */
const written: Readonly<Record<string, Written>> = {
  mlp: {
    input: [64, 784], weights: [[784, 256], [256], [256, 10], [10]],
    logits: (jax, [w, b, v, c], x) => dense(jax, jax.nn.relu(dense(jax, x, w as A, b as A)), v as A, c as A),
  },
  cnn: {
    input: [64, 1, 28, 28],
    weights: [[16, 1, 3, 3], [16, 1, 1], [32, 16, 3, 3], [32, 1, 1], [1568, 128], [128], [128, 10], [10]],
    logits: (jax, [k, a, l, b, w, d, v, c], x) => {
      const block = (t: A, kernel: A, bias: A): A => jax.lax.reduceWindow(
        jax.nn.relu(jax.lax.convGeneralDilated(t, kernel, [1, 1], 'SAME').add(bias)), (window) => jax.numpy.max(window), [2, 2], [2, 2])
      const flat = block(block(x, k as A, a as A), l as A, b as A).reshape([64, 1568])
      return dense(jax, jax.nn.relu(dense(jax, flat, w as A, d as A)), v as A, c as A)
    },
  },
  lstm: {
    input: [28, 64, 28], weights: [[28, 512], [128, 512], [512], [128, 10], [10]],
    logits: (jax, [k, r, b, v, c], x) => {
      const { numpy, nn } = jax
      let [h, s] = [numpy.zeros([64, 128]), numpy.zeros([64, 128])]
      for (let t = 0; t < 28; t++) {
        const use = (a: A | undefined): A => (t < 27 ? (a as A).ref : a as A)
        const z = numpy.matmul(use(x).slice(t), use(k)).add(numpy.matmul(h, use(r))).add(use(b))
        const gate = (n: number): A => (n < 3 ? z.ref : z).slice([], [n * 128, n * 128 + 128])
        const [i, f, g, o] = [gate(0), gate(1), gate(2), gate(3)] as const
        s = nn.sigmoid(f).mul(s).add(nn.sigmoid(i).mul(numpy.tanh(g)))
        h = nn.sigmoid(o).mul(numpy.tanh(s.ref))
      }
      s.dispose()
      return dense(jax, h, v as A, c as A)
    },
  },
}

/** The cases that `jaxStep` has. */
export const jaxCases: readonly string[] = Object.keys(written)

/** A training step that gives the loss. */
export async function jaxStep(model: string): Promise<() => number> {
  const one = written[model]
  if (!one || !cases[model]) throw new Error(`${model} is not written for jax-js`)
  const name: string = '@jax-js/jax'
  const jax = await import(name) as Jax
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  const { numpy } = jax
  const next = random(7)
  const filled = (shape: readonly number[], low: number, high: number): A => {
    const size = shape.reduce((a, b) => a * b, 1)
    return numpy.array(Float32Array.from({ length: size }, () => low + next.next() * (high - low))).reshape(shape)
  }
  const limit = (shape: readonly number[]): number => Math.sqrt(6 / shape.reduce((a, b) => a + b, 0))
  let p: readonly A[] = one.weights.map((shape) => (shape.length === 1 ? numpy.zeros(shape) : filled(shape, -limit(shape), limit(shape))))
  let m: readonly A[] = one.weights.map((shape) => numpy.zeros(shape))
  let v: readonly A[] = one.weights.map((shape) => numpy.zeros(shape))
  const x = filled(one.input, 0, 1)
  const hot = new Float32Array(640)
  for (let i = 0; i < 64; i++) hot[i * 10 + (i * 7) % 10] = 1
  const y = numpy.array(hot).reshape([64, 10])
  const gradient = jax.jit(jax.valueAndGrad((weights, input, label) =>
    jax.nn.logSoftmax(one.logits(jax, weights, input)).mul(label).sum().mul(-1 / 64)))
  const update = jax.jit((w: readonly A[], g: readonly A[], first: readonly A[], second: readonly A[], c1: A, c2: A): readonly Tree[] => {
    const last = w.length - 1
    const firsts = w.map((_, i) => (first[i] as A).mul(0.9).add((g[i] as A).ref.mul(0.1)))
    const seconds = w.map((_, i) => (second[i] as A).mul(0.999).add(numpy.square(g[i] as A).mul(0.001)))
    const weights = w.map((old, i) => old.sub((firsts[i] as A).ref.div(i < last ? c1.ref : c1)
      .div(numpy.sqrt((seconds[i] as A).ref.div(i < last ? c2.ref : c2)).add(1e-7)).mul(0.001)))
    return [weights, firsts, seconds]
  })
  let t = 0
  return () => {
    t++
    const [loss, g] = gradient(p.map((w) => w.ref), x.ref, y.ref)
    ;[p, m, v] = update(p, g, m, v, numpy.array(1 - 0.9 ** t), numpy.array(1 - 0.999 ** t)) as readonly (readonly A[])[] as [A[], A[], A[]]
    return loss.dataSync()[0] ?? Number.NaN
  }
}
