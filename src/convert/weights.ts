// Weights in and out of a converted model, by name: what a training here changed goes back to PyTorch, and the other way.
import { formatShape, Tensor, type Model } from '../onnx'
import { ConvertError } from './errors'
import type { TensorFile } from './tensor-file'

/** Constants that the converter made are no weights: they have no name in the module. */
const OWN = /^constant(_\d+)?$/

/**
 * The weights of a converted model by their names in the module, in the layout that PyTorch has them in: what
 * `load_state_dict` takes. Buffers that the model does not use (`num_batches_tracked`) are not there: `strict=False`.
 */
export function weightsOf(model: Model): Map<string, Tensor> {
  const found = new Map<string, Tensor>()
  for (const [value, tensor] of model.graph.initializers) if (!OWN.test(value.name)) found.set(value.name, tensor)
  return found
}

/** What `loadWeights` did. */
export interface LoadedWeights {
  readonly loaded: readonly string[]
  /** Weights of the model that were not given. */
  readonly missing: readonly string[]
  /** Tensors that the model has no weight for. */
  readonly unexpected: readonly string[]
}

/**
 * Replaces the weights of a model by tensors of the same names.
 *
 * @param options.strict `false` accepts missing and unexpected names. Default true, but buffers that inference does not use
 * (`num_batches_tracked`) are never asked for.
 * @throws ConvertError `CONVERT_WEIGHTS` when names, shapes or types do not fit: all of them at once, and nothing is replaced
 */
export function loadWeights(model: Model, weights: TensorFile | ReadonlyMap<string, Tensor>, options: { readonly strict?: boolean } = {}): LoadedWeights {
  const given = new Map<string, Tensor>(weights)
  const values = new Map([...model.graph.initializers.keys()].map((value) => [value.name, value]))
  const own = weightsOf(model)
  const loaded = [...own.keys()].filter((name) => given.has(name))
  const missing = [...own.keys()].filter((name) => !given.has(name))
  const unexpected = [...given.keys()].filter((name) => !own.has(name) && !name.endsWith('num_batches_tracked'))
  const wrong = loaded.flatMap((name) => {
    const [before, after] = [own.get(name), given.get(name)]
    if (before === undefined || after === undefined) return []
    const fits = before.dtype === after.dtype && before.shape.join() === after.shape.join()
    return fits ? [] : [`${name}: ${before.dtype}${formatShape(before.shape)} in the model, ${after.dtype}${formatShape(after.shape)} given`]
  })
  const strict = options.strict !== false
  const problems = [...wrong, ...(strict ? [...missing.map((name) => `${name}: not given`), ...unexpected.map((name) => `${name}: the model has no such weight`)] : [])]
  if (problems.length > 0) {
    throw new ConvertError('CONVERT_WEIGHTS', 'The weights do not fit the model', {
      got: problems.slice(0, 12).join('\n            ') + (problems.length > 12 ? `\n            and ${problems.length - 12} more` : ''),
      fix: wrong.length > 0 ? 'take weights of the same architecture' : 'check prefixes of the names, or accept it: { strict: false }',
    })
  }
  for (const name of loaded) {
    const [value, tensor] = [values.get(name), given.get(name)]
    if (value !== undefined && tensor !== undefined) model.graph.setInitializer(value, tensor)
  }
  return { loaded, missing, unexpected }
}
