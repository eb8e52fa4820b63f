// If, Loop and Scan: JavaScript decides, and the gradient follows the path that was taken.
import * as tf from '@tensorflow/tfjs'
import { Tensor } from '../../onnx'
import { Datum } from './datum'
import { axisIn, need, refuse, takeAlong, type Operator } from './operator'

/** Iterations after which a loop is taken to be endless. */
const MAX_ITERATIONS = 1_000_000

const branch: Operator = (call) => {
  const chosen = need(call, 0).numbers()[0] ? 'then_branch' : 'else_branch'
  return call.run(call.node.get(chosen, 'graph') ?? refuse(call, `The graph ${chosen} is missing`), [])
}

const loop: Operator = (call) => {
  const body = call.node.get('body', 'graph') ?? refuse(call, 'The body is missing')
  const trips = call.inputs[0] === undefined ? Infinity : call.inputs[0].numbers()[0] ?? 0
  let going = call.inputs[1] === undefined ? true : Boolean(call.inputs[1].numbers()[0])
  let carried = call.inputs.slice(2) as Datum[]
  const scanned: Datum[][] = body.outputs.slice(1 + carried.length).map(() => [])
  for (let i = 0; going && i < trips; i++) {
    if (i > MAX_ITERATIONS) refuse(call, 'The loop does not end', `${MAX_ITERATIONS} iterations`)
    const results = call.run(body, [Datum.known(Tensor.scalar(BigInt(i), 'int64')), Datum.known(Tensor.scalar(true, 'bool')), ...carried])
    going = Boolean(results[0]?.numbers()[0])
    carried = results.slice(1, 1 + carried.length)
    results.slice(1 + carried.length).forEach((value, k) => scanned[k]?.push(value))
  }
  return [...carried, ...scanned.map((list, k) => {
    const type = body.outputs[1 + carried.length + k]
    const [first] = list
    if (first === undefined) return Datum.known(Tensor.from(new Float32Array(0), [0, ...(type?.shape ?? []).map((size) => (typeof size === 'number' ? size : 0))], 'float32'))
    return Datum.of(tf.stack(list.map((value) => value.tensor)), first.dtype)
  })]
}

const scan: Operator = (call) => {
  const { node } = call
  const body = node.get('body', 'graph') ?? refuse(call, 'The body is missing')
  if (call.opset < 9) refuse(call, 'Scan of operator set 8 has no TensorFlow.js form')
  const count = node.int('num_scan_inputs', 1)
  const states = call.inputs.length - count
  const axes = node.ints('scan_input_axes', new Array<number>(count).fill(0))
  const backwards = node.ints('scan_input_directions', new Array<number>(count).fill(0))
  const sources = call.inputs.slice(states).map((d, i) => ({ d: d as Datum, axis: axisIn(axes[i] ?? 0, d?.rank ?? 0), back: backwards[i] === 1 }))
  const length = sources[0] === undefined ? 0 : sources[0].d.shape[sources[0].axis] ?? 0
  let carried = call.inputs.slice(0, states) as Datum[]
  const outputs: Datum[][] = body.outputs.slice(states).map(() => [])
  for (let i = 0; i < length; i++) {
    const slices = sources.map(({ d, axis, back }) => Datum.of(tf.squeeze(takeAlong(d.tensor, axis, [back ? length - 1 - i : i]), [axis]), d.dtype))
    const results = call.run(body, [...carried, ...slices])
    carried = results.slice(0, states)
    results.slice(states).forEach((value, k) => outputs[k]?.push(value))
  }
  const outAxes = node.ints('scan_output_axes', outputs.map(() => 0))
  const outBack = node.ints('scan_output_directions', outputs.map(() => 0))
  return [...carried, ...outputs.map((list, k) => {
    const [first] = list
    const ordered = outBack[k] === 1 ? [...list].reverse() : list
    return Datum.of(tf.stack(ordered.map((value) => value.tensor), axisIn(outAxes[k] ?? 0, (first?.rank ?? 0) + 1)), first?.dtype ?? 'float32')
  })]
}

export const control: Readonly<Record<string, Operator>> = { If: branch, Loop: loop, Scan: scan }
