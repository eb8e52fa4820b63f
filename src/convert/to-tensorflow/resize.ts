// Resize: every mode as a product with a matrix of interpolation weights along each axis, so that gradients are exact.
import * as tf from '@tensorflow/tfjs'
import { Datum } from './datum'
import { axisIn, detached, need, refuse, takeAlong, type Call, type Operator } from './operator'
import { lastAxis } from './shape'

/** How one axis is sampled. */
interface Sampling {
  readonly mode: string
  readonly coordinates: string
  readonly nearest: string
  readonly cubic: number
  readonly excludeOutside: boolean
  readonly antialias: boolean
}

/** The place in the input that an output pixel looks at (ONNX, "Resize", coordinate_transformation_mode). */
function placeOf(i: number, from: number, to: number, scale: number, how: string, start: number, end: number): number {
  switch (how) {
    case 'asymmetric': return i / scale
    case 'align_corners': return to === 1 ? 0 : (i * (from - 1)) / (scale * from - 1)
    case 'pytorch_half_pixel': return to > 1 ? (i + 0.5) / scale - 0.5 : 0
    case 'tf_half_pixel_for_nn': return (i + 0.5) / scale
    case 'tf_crop_and_resize':
      return to > 1 ? start * (from - 1) + (i * (end - start) * (from - 1)) / (to - 1) : 0.5 * (start + end) * (from - 1)
    case 'half_pixel_symmetric': {
      const centre = from / 2
      const offset = centre * (1 - to / (scale * from))
      return offset + (i + 0.5) / scale - 0.5
    }
    default: return (i + 0.5) / scale - 0.5
  }
}

function nearestPlace(x: number, mode: string): number {
  if (mode === 'floor') return Math.floor(x)
  if (mode === 'ceil') return Math.ceil(x)
  if (mode === 'round_prefer_ceil') return Math.floor(x + 0.5)
  return Math.ceil(x - 0.5)
}

/** The cubic convolution kernel (Keys, 1981). */
function keys(distance: number, a: number): number {
  const d = Math.abs(distance)
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0
}

/** Weights [to, from]: each row says of which inputs an output is the mean. */
function weightsOf(from: number, to: number, scale: number, s: Sampling, start: number, end: number): { weights: Float32Array; outside: Uint8Array } {
  const weights = new Float32Array(to * from)
  const outside = new Uint8Array(to)
  // When shrinking with antialiasing, the kernel is stretched over all the inputs it covers.
  const stretch = s.antialias && scale < 1 ? scale : 1
  for (let o = 0; o < to; o++) {
    const x = placeOf(o, from, to, scale, s.coordinates, start, end)
    if (s.coordinates === 'tf_crop_and_resize' && (x < 0 || x > from - 1)) {
      outside[o] = 1
      continue
    }
    if (s.mode === 'nearest') {
      weights[o * from + Math.min(from - 1, Math.max(0, nearestPlace(x, s.nearest)))] = 1
      continue
    }
    const linear = s.mode === 'linear'
    const radius = (linear ? 1 : 2) / stretch
    const first = Math.floor(x - radius) + 1
    const last = Math.ceil(x + radius) - 1
    const row: [number, number][] = []
    let sum = 0
    for (let at = Math.min(first, Math.floor(x)); at <= Math.max(last, Math.floor(x)); at++) {
      const distance = (x - at) * stretch
      let value = linear ? Math.max(0, 1 - Math.abs(distance)) : keys(distance, s.cubic)
      if (s.excludeOutside && (at < 0 || at >= from)) value = 0
      if (value === 0) continue
      sum += value
      row.push([Math.min(from - 1, Math.max(0, at)), value])
    }
    const norm = s.excludeOutside || stretch !== 1 ? sum : 1
    for (const [at, value] of row) weights[o * from + at] = (weights[o * from + at] ?? 0) + value / norm
  }
  return { weights, outside }
}

/** Replaces axis `axis` of `t` by its product with the weights. */
function along(t: tf.Tensor, axis: number, weights: Float32Array, from: number, to: number): tf.Tensor {
  const order = t.shape.map((_, i) => i).filter((i) => i !== axis)
  const moved = tf.transpose(t, [...order, axis])
  const rows = tf.reshape(moved, [t.size / from, from])
  const y = tf.reshape(tf.matMul(rows, tf.tensor2d(weights, [to, from]), false, true), [...order.map((i) => t.shape[i] ?? 1), to])
  const back = t.shape.map((_, i) => (i === axis ? order.length : i < axis ? i : i - 1))
  return tf.transpose(y, back)
}

const resize: Operator = (call) => {
  const { node, opset } = call
  const x = need(call, 0)
  const old = opset < 11
  const given = (index: number): number[] | undefined => {
    const input = call.inputs[index]
    return input === undefined || input.size === 0 ? undefined : input.numbers()
  }
  const axes = node.ints('axes')?.map((axis) => axisIn(axis, x.rank)) ?? x.shape.map((_, axis) => axis)
  const scalesGiven = old ? given(1) ?? node.get('scales', 'floats') : given(2)
  const sizesGiven = old ? undefined : given(3)
  if (scalesGiven === undefined && sizesGiven === undefined) refuse(call, 'Neither scales nor sizes are given')
  const scales = x.shape.map(() => 1)
  const sizes = [...x.shape]
  const policy = node.string('keep_aspect_ratio_policy', 'stretch')
  const ratios = axes.map((axis, i) => (sizesGiven?.[i] ?? 1) / (x.shape[axis] ?? 1))
  axes.forEach((axis, i) => {
    const size = x.shape[axis] ?? 1
    if (sizesGiven === undefined) {
      scales[axis] = scalesGiven?.[i] ?? 1
      sizes[axis] = Math.floor(size * (scales[axis] ?? 1))
    } else if (policy === 'stretch') {
      sizes[axis] = sizesGiven[i] ?? size
      scales[axis] = (sizes[axis] ?? 1) / size
    } else {
      scales[axis] = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)
      sizes[axis] = Math.floor(size * (scales[axis] ?? 1) + 0.5)
    }
  })
  const mode = node.string('mode', 'nearest')
  const sampling: Sampling = {
    mode: mode === 'bilinear' ? 'linear' : mode, cubic: node.float('cubic_coeff_a', -0.75),
    coordinates: old ? 'asymmetric' : node.string('coordinate_transformation_mode', 'half_pixel'),
    nearest: old ? 'floor' : node.string('nearest_mode', 'round_prefer_floor'),
    excludeOutside: node.int('exclude_outside', 0) === 1, antialias: node.int('antialias', 0) === 1,
  }
  const roi = given(1) ?? []
  const extrapolation = node.float('extrapolation_value', 0)
  let t = x.isLast ? x.lastTensor : x.tensor
  const outside: [number, Uint8Array][] = []
  x.shape.forEach((from, axis) => {
    const to = sizes[axis] ?? from
    const scale = scales[axis] ?? 1
    const cropped = sampling.coordinates === 'tf_crop_and_resize'
    if (to === from && scale === 1 && !cropped) return
    const at = x.isLast ? lastAxis(axis, x.rank) : axis
    const index = axes.indexOf(axis)
    const w = weightsOf(from, to, scale, sampling, roi[index] ?? 0, roi[index + axes.length] ?? 1)
    if (w.outside.some((flag) => flag === 1)) outside.push([at, w.outside])
    if (sampling.mode === 'nearest' && w.outside.every((flag) => flag === 0)) {
      t = takeAlong(t, at, Array.from({ length: to }, (_, o) => w.weights.subarray(o * from, (o + 1) * from).indexOf(1)))
    } else t = along(t, at, w.weights, from, to)
  })
  for (const [axis, flags] of outside) {
    const mask = tf.reshape(tf.tensor1d(Float32Array.from(flags)), t.shape.map((size, i) => (i === axis ? size : 1)))
    t = tf.add(tf.mul(t, tf.sub(tf.scalar(1), mask)), tf.mul(mask, tf.scalar(extrapolation)))
  }
  return x.isLast ? Datum.channelsLast(t, x.dtype) : Datum.of(t, x.dtype)
}

/** Samples an image at places that are computed (Jaderberg et al., arXiv 1506.02025); two dimensions. */
const gridSample: Operator = (call: Call) => {
  const [x, grid] = [need(call, 0), need(call, 1)]
  const mode = call.node.string('mode', 'linear')
  const padding = call.node.string('padding_mode', 'zeros')
  if (x.rank !== 4 || mode === 'cubic' || mode === 'bicubic' || padding === 'reflection') {
    refuse(call, 'GridSample has a TensorFlow.js form for images, linear or nearest, zeros or border', `${mode}, ${padding}, rank ${x.rank}`)
  }
  const corners = call.node.int('align_corners', 0) === 1
  const [batch, channels, height, width] = x.shape as [number, number, number, number]
  const [, outHeight, outWidth] = grid.shape as [number, number, number]
  const pixels = tf.reshape(x.lastTensor, [batch * height * width, channels])
  const coordinate = (index: number, size: number): tf.Tensor => {
    const g = tf.reshape(tf.slice(grid.tensor, [0, 0, 0, index], [batch, outHeight, outWidth, 1]), [batch, outHeight * outWidth])
    const place = corners ? tf.mul(tf.add(g, tf.scalar(1)), tf.scalar((size - 1) / 2)) : tf.sub(tf.mul(tf.add(g, tf.scalar(1)), tf.scalar(size / 2)), tf.scalar(0.5))
    return padding === 'border' ? tf.clipByValue(place, 0, size - 1) : place
  }
  const [px, py] = [coordinate(0, width), coordinate(1, height)]
  const offsets = tf.reshape(tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(height * width, 'int32')), [batch, 1])
  const take = (ix: tf.Tensor, iy: tf.Tensor): tf.Tensor => {
    const inside = tf.logicalAnd(tf.logicalAnd(tf.greaterEqual(ix, tf.scalar(0)), tf.lessEqual(ix, tf.scalar(width - 1))), tf.logicalAnd(tf.greaterEqual(iy, tf.scalar(0)), tf.lessEqual(iy, tf.scalar(height - 1))))
    const [cx, cy] = [tf.cast(tf.clipByValue(detached(ix), 0, width - 1), 'int32'), tf.cast(tf.clipByValue(detached(iy), 0, height - 1), 'int32')]
    const places = tf.add(tf.add(tf.mul(cy, tf.scalar(width, 'int32')), cx), offsets)
    const taken = tf.reshape(tf.gather(pixels, tf.reshape(places, [places.size])), [batch, outHeight * outWidth, channels])
    return tf.mul(taken, tf.expandDims(tf.cast(detached(inside), 'float32'), 2))
  }
  const one = tf.scalar(1)
  let y: tf.Tensor
  if (mode === 'nearest') y = take(tf.round(px), tf.round(py))
  else {
    const [fx, fy] = [tf.floor(px), tf.floor(py)]
    const [dx, dy] = [tf.expandDims(tf.sub(px, fx), 2), tf.expandDims(tf.sub(py, fy), 2)]
    const top = tf.add(tf.mul(take(fx, fy), tf.sub(one, dx)), tf.mul(take(tf.add(fx, one), fy), dx))
    const bottom = tf.add(tf.mul(take(fx, tf.add(fy, one)), tf.sub(one, dx)), tf.mul(take(tf.add(fx, one), tf.add(fy, one)), dx))
    y = tf.add(tf.mul(top, tf.sub(one, dy)), tf.mul(bottom, dy))
  }
  return Datum.channelsLast(tf.reshape(y, [batch, outHeight, outWidth, channels]), x.dtype)
}

export const resizing: Readonly<Record<string, Operator>> = {
  Resize: resize,
  Upsample: (call) => resize({ ...call, opset: 10 }),
  GridSample: gridSample,
}
