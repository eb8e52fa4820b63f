// LSTM, GRU and RNN: one step after another, so that gradients flow through time.
import * as tf from '@tensorflow/tfjs'
import { Datum } from './datum'
import { ACTIVATIONS } from './elementwise'
import { need, refuse, type Call, type Operator } from './operator'

type Activation = (x: tf.Tensor) => tf.Tensor

/** One direction: x [T, B, I], weights [G·H, I], recurrent weights [G·H, H], states [B, H]. */
interface Pass {
  readonly x: tf.Tensor
  readonly weights: tf.Tensor
  readonly recurrent: tf.Tensor
  /** For the inputs and for the state, [G·H] each. */
  readonly biases: readonly [tf.Tensor, tf.Tensor] | undefined
  readonly state: tf.Tensor
  readonly cell: tf.Tensor | undefined
  readonly peepholes: tf.Tensor | undefined
  readonly f: readonly Activation[]
  readonly lengths: readonly number[] | undefined
  readonly reversed: boolean
}

interface Step { readonly h: tf.Tensor; readonly c?: tf.Tensor }
type Cell = (call: Call, p: Pass, x: tf.Tensor, h: tf.Tensor, c: tf.Tensor | undefined) => Step

const linear = (x: tf.Tensor, w: tf.Tensor): tf.Tensor => tf.matMul(x, w, false, true)
const limited = (call: Call): Activation => {
  const clip = call.node.float('clip', 0)
  return clip > 0 ? (x) => tf.clipByValue(x, -clip, clip) : (x) => x
}

/** h' = f(W·x + R·h + b); ONNX, "RNN". */
const rnnCell: Cell = (call, p, x, h) => {
  const sum = tf.add(x, linear(h, p.recurrent))
  return { h: (p.f[0] ?? tf.tanh)(limited(call)(p.biases === undefined ? sum : tf.add(sum, p.biases[1]))) }
}

/** Gates i, o, f, c in this order; ONNX, "LSTM"; Hochreiter & Schmidhuber, 1997. */
const lstmCell: Cell = (call, p, x, h, c) => {
  const sum = tf.add(x, linear(h, p.recurrent))
  const [i, o, f, g] = tf.split(p.biases === undefined ? sum : tf.add(sum, p.biases[1]), 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
  const cell = c ?? tf.zerosLike(h)
  const [pi, po, pf] = p.peepholes === undefined ? [] : tf.split(p.peepholes, 3)
  const look = (gate: tf.Tensor, peephole: tf.Tensor | undefined, at: tf.Tensor): tf.Tensor => (peephole === undefined ? gate : tf.add(gate, tf.mul(peephole, at)))
  const [gates, inner, outer] = [p.f[0] ?? tf.sigmoid, p.f[1] ?? tf.tanh, p.f[2] ?? tf.tanh]
  const limit = limited(call)
  const input = gates(limit(look(i, pi, cell)))
  const forget = call.node.int('input_forget', 0) === 1 ? tf.sub(tf.scalar(1), input) : gates(limit(look(f, pf, cell)))
  const next = tf.add(tf.mul(forget, cell), tf.mul(input, inner(limit(g))))
  return { h: tf.mul(gates(limit(look(o, po, next))), outer(next)), c: next }
}

/** Gates z, r, h in this order; ONNX, "GRU"; Cho et al., arXiv 1406.1078. */
const gruCell: Cell = (call, p, x, h) => {
  const width = h.shape[1] ?? 1
  const part = (t: tf.Tensor, g: number): tf.Tensor => tf.slice(t, t.shape.map((_, a) => (a === t.rank - 1 ? g * width : 0)), t.shape.map((size, a) => (a === t.rank - 1 ? width : size)))
  const rows = (g: number): tf.Tensor => tf.slice(p.recurrent, [g * width, 0], [width, width])
  const biased = (t: tf.Tensor, g: number): tf.Tensor => (p.biases === undefined ? t : tf.add(t, part(p.biases[1], g)))
  const [gates, inner] = [p.f[0] ?? tf.sigmoid, p.f[1] ?? tf.tanh]
  const limit = limited(call)
  const z = gates(limit(biased(tf.add(part(x, 0), linear(h, rows(0))), 0)))
  const r = gates(limit(biased(tf.add(part(x, 1), linear(h, rows(1))), 1)))
  const candidate = call.node.int('linear_before_reset', 0) === 1
    ? tf.add(part(x, 2), tf.mul(r, biased(linear(h, rows(2)), 2)))
    : biased(tf.add(part(x, 2), linear(tf.mul(r, h), rows(2))), 2)
  return { h: tf.add(tf.mul(tf.sub(tf.scalar(1), z), inner(limit(candidate))), tf.mul(z, h)) }
}

/** Runs one direction: outputs [T, B, H] in the order of time, and the last states. */
function run(call: Call, cell: Cell, p: Pass): { y: tf.Tensor; h: tf.Tensor; c: tf.Tensor | undefined } {
  const [time, batch, width] = p.x.shape as [number, number, number]
  // The input's share of every step is one matrix product.
  const rows = linear(tf.reshape(p.x, [time * batch, width]), p.weights)
  const projected = tf.reshape(p.biases === undefined ? rows : tf.add(rows, p.biases[0]), [time, batch, p.weights.shape[0]])
  // Of a single step, TensorFlow.js's unstack has no gradient.
  const steps = time === 0 ? [] : time === 1 ? [tf.reshape(projected, projected.shape.slice(1))] : tf.unstack(projected)
  let h = p.state
  let c = p.cell
  const outputs = new Array<tf.Tensor>(time)
  for (let k = 0; k < time; k++) {
    const t = p.reversed ? time - 1 - k : k
    const next = cell(call, p, steps[t] as tf.Tensor, h, c)
    const whole = p.lengths === undefined || p.lengths.every((length) => t < length)
    if (whole) {
      outputs[t] = next.h
      h = next.h
      c = next.c
      continue
    }
    // Where a sequence has ended, its state stays and its output is zero.
    const alive = tf.tensor2d(Float32Array.from(p.lengths, (length) => (t < length ? 1 : 0)), [batch, 1])
    const mix = (now: tf.Tensor, before: tf.Tensor): tf.Tensor => tf.add(tf.mul(now, alive), tf.mul(before, tf.sub(tf.scalar(1), alive)))
    outputs[t] = tf.mul(next.h, alive)
    h = mix(next.h, h)
    c = next.c === undefined ? undefined : mix(next.c, c ?? tf.zerosLike(next.c))
  }
  return { y: time === 0 ? tf.zeros([0, batch, h.shape[1] ?? 1]) : tf.stack(outputs), h, c }
}

const recurrent = (cell: Cell, gates: number, activations: number, defaults: readonly string[]): Operator => (call) => {
  const { node } = call
  const batchFirst = node.int('layout', 0) === 1
  const swap = (t: tf.Tensor): tf.Tensor => (batchFirst ? tf.transpose(t, [1, 0, ...t.shape.map((_, i) => i).slice(2)]) : t)
  const x = swap(need(call, 0).tensor)
    const hidden = node.int('hidden_size') ?? (need(call, 2).shape[2] ?? 1)
  const batch = x.shape[1] ?? 1
  const direction = node.string('direction', 'forward')
  const count = direction === 'bidirectional' ? 2 : 1
  const names = node.get('activations', 'strings') ?? Array.from({ length: count }, () => defaults).flat()
  const alphas = node.get('activation_alpha', 'floats') ?? []
  const betas = node.get('activation_beta', 'floats') ?? []
  const row = (index: number, d: number): tf.Tensor | undefined => {
    const input = call.inputs[index]
    return input === undefined || input.size === 0 ? undefined : tf.reshape(tf.slice(input.tensor, [d, ...input.shape.slice(1).map(() => 0)], [1, ...input.shape.slice(1)]), input.shape.slice(1))
  }
  const state = (index: number, d: number): tf.Tensor => {
    const input = call.inputs[index]
    if (input === undefined) return tf.zeros([batch, hidden])
    return tf.reshape(tf.slice(swap(input.tensor), [d, 0, 0], [1, batch, hidden]), [batch, hidden])
  }
  const results = Array.from({ length: count }, (_, d) => {
    const bias = row(3, d)
    const halves = bias === undefined ? undefined : tf.split(bias, 2) as [tf.Tensor, tf.Tensor]
    const f = names.slice(d * activations, (d + 1) * activations).map((name, i): Activation => {
      const activation = ACTIVATIONS[name.toLowerCase()] ?? refuse(call, `The activation ${name} is unknown`)
      const at = d * activations + i
      return (t) => activation(t, alphas[at], betas[at])
    })
    return run(call, cell, {
      x, weights: row(1, d) as tf.Tensor, recurrent: row(2, d) as tf.Tensor, biases: halves, f,
      state: state(5, d), cell: gates === 4 ? state(6, d) : undefined, peepholes: gates === 4 ? row(7, d) : undefined,
      lengths: call.inputs[4]?.numbers(), reversed: direction === 'reverse' || d === 1,
    })
  })
  const y = tf.stack(results.map((r) => r.y), 1)
  const last = (pick: (r: (typeof results)[number]) => tf.Tensor | undefined): Datum =>
    Datum.of(swap(tf.stack(results.map((r) => pick(r) ?? r.h))))
  const out = Datum.of(batchFirst ? tf.transpose(y, [2, 0, 1, 3]) : y)
  return gates === 4 ? [out, last((r) => r.h), last((r) => r.c)] : [out, last((r) => r.h)]
}

export const recurrence: Readonly<Record<string, Operator>> = {
  RNN: recurrent(rnnCell, 1, 1, ['Tanh']),
  LSTM: recurrent(lstmCell, 4, 3, ['Sigmoid', 'Tanh', 'Tanh']),
  GRU: recurrent(gruCell, 3, 2, ['Sigmoid', 'Tanh']),
}
