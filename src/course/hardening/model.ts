// Review of a model file: what will go wrong in production though the file loads today.
import { existsSync } from 'node:fs'
import { messageOf } from '../../core'
import { formatProblem, loadModel, schemaOf, validateModel, type Model } from '../../onnx'
import { NEWEST_IR, NEWEST_OPSET } from '../debugging/checks'
import type { Finding, ReviewRule } from './finding'

type ModelRule = ReviewRule & { readonly find: (model: Model, file: string) => Omit<Finding, 'rule' | 'severity'>[] }

const inputsOf = (model: Model): Model['graph']['inputs'] => model.graph.inputs.filter((input) => input.tensor === undefined)

export const MODEL_RULES: readonly ModelRule[] = [
  {
    id: 'invalid-model', severity: 'high', looksFor: 'rules of ONNX that the file breaks',
    find: (model, file) => validateModel(model).slice(0, 5).map((problem) => ({ place: `${file}${problem.node === undefined ? '' : `, ${problem.node}`}`, what: formatProblem(problem), fix: 'export again, or undo the edit of the graph' })),
  },
  {
    id: 'fixed-batch', severity: 'medium', looksFor: 'inputs whose first axis is a number: only that batch runs',
    find: (model, file) => inputsOf(model).filter((input) => (input.shape?.length ?? 0) > 1 && typeof input.shape?.[0] === 'number').map((input) => ({
      place: `${file}, input ${input.name}`, what: `the first axis is fixed at ${String(input.shape?.[0])}: every other batch is refused`,
      fix: 'export with a dynamic batch (dynamic_shapes={"x": {0: Dim("batch")}}); a fixed size is right only for a device that wants one',
    })),
  },
  {
    id: 'baked-batch', severity: 'high', looksFor: 'a Reshape to a constant batch behind an input that is declared dynamic',
    find: (model, file) => {
      if (!inputsOf(model).some((input) => typeof input.shape?.[0] === 'string')) return []
      return model.graph.nodes.filter((node) => node.opType === 'Reshape').flatMap((node) => {
        const target = node.inputs[1]?.tensor
        const sizes = target ? Array.from(target.toArray() as BigInt64Array, Number) : []
        // Weights are reshaped to constant sizes by right: only what depends on an input is meant.
        return sizes.length > 1 && (sizes[0] ?? 0) > 0 && !sizes.includes(-1) && reachesInput(node.inputs[0]?.producer, node.inputs[0]?.isGraphInput === true) ? [{
          place: `${file}, ${node.label}`, what: `it reshapes to [${sizes.join(', ')}] although the batch is declared dynamic: the example's batch is baked in`, fix: 'reshape with -1 for the batch in the model\'s code, and export again',
        }] : []
      })
    },
  },
  {
    id: 'new-opset', severity: 'medium', looksFor: 'an opset or IR version that ONNX Runtime does not read yet, or one older than any runtime tests',
    find: (model, file) => [
      ...(model.opset > NEWEST_OPSET ? [{ place: file, what: `opset ${model.opset} is newer than ONNX Runtime supports (${NEWEST_OPSET})`, fix: 'export with opset 18 to 21' }] : []),
      ...(model.irVersion > NEWEST_IR ? [{ place: file, what: `IR version ${model.irVersion} is newer than ONNX Runtime reads (${NEWEST_IR})`, fix: 'save with IR version 10' }] : []),
      ...(model.opset < 7 ? [{ place: file, what: `opset ${model.opset}: runtimes promise 7 and later`, fix: 'convert to a newer opset and compare the outputs' }] : []),
    ],
  },
  {
    id: 'foreign-operator', severity: 'medium', looksFor: 'operators that need a library of their own wherever the model runs',
    find: (model, file) => [...new Map(model.graph.nodes.filter((node) => {
      const standard = node.domain === '' || node.domain === 'ai.onnx' || node.domain.startsWith('ai.onnx.')
      return model.functionOf(node) === undefined && (!standard || (node.domain === '' && schemaOf(node.opType, model.opset) === undefined))
    }).map((node) => [`${node.domain}.${node.opType}`, node])).values()].map((node) => ({
      place: `${file}, ${node.label}`, what: `${node.domain === '' ? '' : `${node.domain}.`}${node.opType} is no operator of ONNX${node.domain === 'com.microsoft' ? ': only ONNX Runtime has it' : ''}`,
      fix: 'carry it as a function of the model, or ship and test its library on every target',
    })),
  },
  {
    id: 'not-finite', severity: 'high', looksFor: 'weights that are NaN or infinite',
    find: (model, file) => [...model.graph.initializers].flatMap(([value, tensor]) => {
      if (!tensor.dtype.startsWith('float') || tensor.size > 50_000_000) return []
      return (tensor.toArray() as Float32Array).every((x) => Number.isFinite(x) || (x === -Infinity && tensor.size > 0)) ? [] : [{
        place: `${file}, ${value.name}`, what: 'a weight is NaN or infinite', fix: 'go back to a checkpoint before training diverged; float16 overflows above 65,504',
      }]
    }),
  },
  {
    id: 'quantization-scale', severity: 'high', looksFor: 'scales of 0, NaN or infinity',
    find: (model, file) => model.graph.nodes.filter((node) => /QuantizeLinear$/.test(node.opType)).flatMap((node) => {
      const scale = node.inputs[1]?.tensor
      return !scale || (scale.toArray() as Float32Array).every((x) => x > 0 && Number.isFinite(x)) ? [] : [{ place: `${file}, ${node.label}`, what: 'a scale is not a positive number', fix: 'calibrate with data in which this value varies' }]
    }),
  },
  {
    id: 'training-node', severity: 'medium', looksFor: 'Dropout or batch normalization left in training mode',
    find: (model, file) => model.graph.nodes.filter((node) => (node.opType === 'BatchNormalization' && node.int('training_mode', 0) === 1)
      || (node.opType === 'Dropout' && (node.inputs[2]?.tensor?.toArray() as Uint8Array | undefined)?.[0] === 1)).map((node) => ({
      place: `${file}, ${node.label}`, what: `${node.opType} is in training mode: outputs change from run to run or with the batch`, fix: 'call model.eval() before exporting',
    })),
  },
]

function reachesInput(from: Model['graph']['nodes'][number] | undefined, direct: boolean): boolean {
  if (direct) return true
  const seen = new Set<object>()
  const stack = from ? [from] : []
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    if (node.opType === 'Shape') continue
    for (const value of node.inputs) {
      if (value?.isGraphInput === true && value.tensor === undefined) return true
      if (value?.producer) stack.push(value.producer)
    }
  }
  return false
}

/** Every finding about a model file. One that cannot be read is itself a finding. */
export function reviewModel(file: string, shown: string): Finding[] {
  let model: Model
  try {
    model = loadModel(file)
  } catch (error) {
    return [{ rule: 'unreadable', severity: 'high', place: shown, what: messageOf(error).split('\n').map((line) => line.trim()).join(' '), fix: existsSync(file) ? `npm run whetstone -- debug-learning --model ${shown}` : 'give the path of an .onnx file' }]
  }
  return MODEL_RULES.flatMap((rule) => rule.find(model, shown).map((found) => ({ rule: rule.id, severity: rule.severity, ...found })))
}
