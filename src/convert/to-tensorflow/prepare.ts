// What is done to a graph before TensorFlow.js runs it, and the names that its variables get.
import * as tf from '@tensorflow/tfjs'
import type { Graph, Model, Node } from '../../onnx'
import { MissingOperatorsError } from '../errors'
import { operatorOf } from './table'

/**
 * TensorFlow.js keeps the names of all variables in one place and refuses a second one, also when a layer that is made later wants a
 * name that a converted model has. No layer makes names with a number sign.
 */
export function freeName(name: string): string {
  const taken = tf.engine().registeredVariables
  let number = 1
  while (taken[`${name}#${number}`] !== undefined) number++
  return `${name}#${number}`
}

/** Old exporters write weights as Constant nodes. */
export function constantsToInitializers(graph: Graph): void {
  for (const node of graph.nodes) {
    for (const inner of node.subgraphs) constantsToInitializers(inner)
    const tensor = node.opType === 'Constant' && node.domain === '' ? node.get('value', 'tensor') : undefined
    if (tensor === undefined || node.output.isGraphOutput) continue
    const before = node.output
    const { name } = before
    const value = graph.addInitializer(`${name}__constant`, tensor)
    graph.replaceAllUses(before, value)
    graph.remove(node)
    value.currentName = name
  }
}

/** @throws MissingOperatorsError naming every operator without a TensorFlow.js form, at all its places */
export function requireSupported(model: Model): void {
  const missing = [...model.graph.allNodes()].filter((node) => operatorOf(node.opType, node.domain) === undefined)
  if (missing.length > 0) throw unsupported(missing)
}

/** Nodes that have no TensorFlow.js form, as the error that says so. */
export function unsupported(nodes: readonly Node[]): MissingOperatorsError {
  const places = new Map<string, string[]>()
  for (const node of nodes) {
    const name = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`
    places.set(name, [...(places.get(name) ?? []), node.name || node.outputs[0]?.name || '?'])
  }
  const instead = 'cut out the part that is trained with onnx.extractModel(model, inputs, outputs), and run the rest with ONNX Runtime'
  return new MissingOperatorsError('ONNX', [...places].map(([operator, list]) => ({ operator, places: list, instead })), 'TensorFlow.js')
}
