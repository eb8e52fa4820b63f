// ONNX Runtime's own layout for convolutions on the CPU, NCHWc: channels in blocks of one vector register, the block
// innermost. Its optimizer uses it only for weights that are constants, which a training step has none of; so the nodes of
// its domain are written here. With as many channels as a block has, NCHWc is NHWC: TensorFlow.js's images fit as they are.
// Source: onnxruntime/core/optimizer/nchwc_transformer.cc and core/graph/contrib_ops/nchwc_schema_defs.cc.
import { Graph, Model, Node, Value, tensorType, writeModel } from '../onnx'
import { Session } from '../runtime'
import type { Builder } from './builder'
import type { GraphAttribute, V } from './graph'
import type { EngineOptions } from './options'

/** The domain of the operators on blocked images. */
export const NCHWC = 'com.microsoft.nchwc'

let known: number | undefined

/** Channels of a block: 16 with AVX-512 and on ARM, 8 on other x86 processors, 0 where ONNX Runtime has no such layout. */
export function channelBlock(): number {
  return (known ??= probed())
}

/** An image of four channels is padded to a whole block, which shows its size. */
function probed(): number {
  const graph = new Graph('probe')
  const x = graph.addInput(new Value('x', tensorType('float32', [1, 4, 1, 1])))
  const node = new Node('ReorderInput', [x], ['y'], { name: 'reorder', domain: NCHWC })
  graph.append(node)
  node.output.type = tensorType('float32', ['n', 'c', 'h', 'w'])
  graph.addOutput(node.output)
  try {
    const session = Session.create(writeModel(new Model(graph, { opsets: new Map([['', 21], [NCHWC, 1]]), irVersion: 10 })), { threads: 1 })
    const y = session.runSync({ x: { dtype: 'float32', shape: [1, 4, 1, 1], data: new Float32Array(4) } }).y
    session.dispose()
    const block = y?.shape[1] ?? 0
    return block >= 8 ? block : 0
  } catch {
    return 0
  }
}

/** The block that graphs are written for: 0 on other providers than the CPU, and when the option is off. */
export function blockOf({ blocked, providers }: EngineOptions): number {
  return blocked && providers.every((p) => p === 'cpu') ? channelBlock() : 0
}

const whole = (channels: number, block: number): boolean => channels % block === 0

/** Whether a convolution of these channels can run blocked: whole blocks, or few input channels as NCHW. */
export function fitsBlocks(b: Builder, input: number, output: number): boolean {
  return b.block > 0 && whole(output, b.block) && (whole(input, b.block) || input < Math.min(b.block, 5))
}

/**
 * The convolution of an image with a kernel [height, width, in, out], both as TensorFlow.js has them, in ONNX Runtime's
 * blocked layout. `window` holds kernel_shape, strides, dilations and pads as for Conv.
 */
export function blockedConvolution(
  b: Builder, x: V, w: V, window: Readonly<Record<string, GraphAttribute>>, outShape: readonly number[], bias?: V,
): V {
  const [height = 1, width = 1, input = 1, output = 1] = w.shape
  const [n = 1, outHeight = 1, outWidth = 1] = outShape
  const { block } = b
  const few = !whole(input, block)
  const parts = few ? [height, width, input, output / block, block] : [height, width, input / block, block, output / block, block]
  const blocks = b.transpose(b.reshape(w, parts), few ? [3, 2, 0, 1, 4] : [4, 2, 0, 1, 3, 5])
  const kernel = b.reshape(blocks, [output, input, height, width])
  const inputs = [few ? b.toNCHW(x) : toBlocks(b, x), kernel, ...(bias ? [b.reshape(bias, [output])] : [])]
  const y = b.node('Conv', inputs, window, { shape: [n, output, outHeight, outWidth], dtype: 'float32' }, NCHWC)
  return fromBlocks(b, y)
}

/** NHWC to blocked, by way of the memory alone where one block holds all channels. */
export function toBlocks(b: Builder, x: V): V {
  const [n = 1, h = 1, w = 1, c = 1] = x.shape
  const shape = [n, c, h, w]
  const laid = b.settle(x)
  if (c === b.block) return b.reshape(laid, shape)
  return b.node('ReorderInput', [laid], { channels_last: 1 }, { shape, dtype: 'float32' }, NCHWC)
}

/** Back to NHWC. */
export function fromBlocks(b: Builder, y: V): V {
  const [n = 1, c = 1, h = 1, w = 1] = y.shape
  const shape = [n, h, w, c]
  if (c === b.block) return b.reshape(y, shape)
  return b.node('ReorderOutput', [y], { channels: c, channels_last: 1 }, { shape, dtype: 'float32' }, NCHWC)
}
