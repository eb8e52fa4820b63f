// Forms that ONNX Runtime gets wrong, written so that it does not.
import { Tensor, type Model } from '../onnx'

/**
 * ONNX Runtime 1.30 takes Pad with zeros into a MaxPool behind it, whose own padding is −∞: where all of a window is
 * negative, the result is wrong (ResNet50V2 of Keras: by 6e-3). It leaves Pad alone when axes are given.
 */
export function guardPads(model: Model): void {
  if (model.opset < 18) return
  for (const node of model.graph.allNodes()) {
    const pad = node.opType === 'MaxPool' && node.domain === '' ? node.inputs[0]?.producer : undefined
    if (pad?.opType !== 'Pad' || pad.inputs[3] !== undefined || pad.graph === undefined) continue
    const list = pad.inputs[1]?.producer === undefined ? pad.inputs[1]?.tensor?.numbers() : undefined
    if (list === undefined) continue
    // All axes: the runtime also moves transposes through Pad, and then takes the sizes for those of all axes.
    const axes = Array.from({ length: list.length / 2 }, (_, axis) => axis)
    const constant = model.graph.addInitializer(`${pad.output.name}/axes`, Tensor.from(axes, [axes.length], 'int64'))
    pad.setInputs([pad.inputs[0], pad.inputs[1], pad.inputs[2], constant])
  }
}
