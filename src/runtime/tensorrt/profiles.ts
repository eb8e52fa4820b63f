// Optimization profiles: for every input with a size that varies, the least, the usual and the largest shape. TensorRT
// builds kernels for that range and refuses shapes outside it.
import { TensorrtError } from './errors'

/** An input of a model: sizes that vary are names. */
export interface ModelInput {
  readonly name: string
  readonly dtype: string | undefined
  readonly shape: readonly (number | string)[]
}

/** The range of shapes of one input. */
export interface ShapeRange {
  readonly min: readonly number[]
  /** The shape that kernels are tuned for. */
  readonly opt: readonly number[]
  readonly max: readonly number[]
}

/** One profile: ranges by the name of the input. */
export type ShapeProfile = Readonly<Record<string, ShapeRange>>

/** A size or a range of sizes for a named axis. */
export type SizeRange = number | { readonly min: number, readonly opt: number, readonly max: number }

const WHICH = ['min', 'opt', 'max'] as const
const vary = (input: ModelInput): boolean => input.shape.some((size) => typeof size === 'string')

/**
 * Profiles checked against the inputs: every varying input has a range of the right rank, min ≤ opt ≤ max in every axis,
 * fixed sizes are kept, axes of the same name have the same size, and no input is unknown.
 *
 * @returns for each profile the ranges of all inputs, fixed ones included
 * @throws TensorrtError `TENSORRT_PROFILE`: which profile, input and axis, and what was expected there
 */
export function checkProfiles(inputs: readonly ModelInput[], profiles: readonly ShapeProfile[]): ShapeProfile[] {
  const needed = inputs.filter(vary)
  if (profiles.length === 0 && needed.length > 0) {
    throw new TensorrtError('TENSORRT_PROFILE', 'The model has inputs whose sizes vary, and no profile says how far', {
      expected: needed.map((input) => `${input.name}: ${show(input.shape)}`).join(', '), fix: 'profileOf(inputs, { batch: { min: 1, opt: 8, max: 32 } })',
    })
  }
  const list = profiles.length === 0 ? [{}] : profiles
  return list.map((profile, number) => checkOne(inputs, profile, `profile ${number}`))
}

function checkOne(inputs: readonly ModelInput[], profile: ShapeProfile, where: string): ShapeProfile {
  for (const name of Object.keys(profile)) {
    if (!inputs.some((input) => input.name === name)) {
      throw new TensorrtError('TENSORRT_PROFILE', 'The profile names an input that the model does not have', { got: name, expected: inputs.map((input) => input.name).join(', '), where })
    }
  }
  const sizes: Record<(typeof WHICH)[number], Map<string, { readonly size: number, readonly at: string }>> = { min: new Map(), opt: new Map(), max: new Map() }
  const whole = inputs.map((input): [string, ShapeRange] => {
    const given = profile[input.name]
    const place = `${where}, input ${input.name}`
    if (given === undefined) {
      if (vary(input)) throw new TensorrtError('TENSORRT_PROFILE', 'The profile has no range for an input whose sizes vary', { expected: show(input.shape), where: place })
      const fixed = input.shape.map(Number)
      return [input.name, { min: fixed, opt: fixed, max: fixed }]
    }
    for (const which of WHICH) {
      const shape = given[which]
      if (shape.length !== input.shape.length) {
        throw new TensorrtError('TENSORRT_PROFILE', `The ${which} shape has another rank than the input`, { expected: show(input.shape), got: show(shape), where: place })
      }
      for (const [axis, size] of shape.entries()) checkSize(input, axis, size, which, place, sizes[which])
    }
    for (const axis of input.shape.keys()) {
      const [least = 0, usual = 0, most = 0] = WHICH.map((which) => given[which][axis])
      if (least > usual || usual > most) {
        throw new TensorrtError('TENSORRT_PROFILE', 'The sizes of an axis are out of order', { expected: 'min ≤ opt ≤ max', got: `${least}, ${usual}, ${most}`, where: `${place}, axis ${axis}` })
      }
    }
    return [input.name, given]
  })
  return Object.fromEntries(whole)
}

function checkSize(
  input: ModelInput, axis: number, size: number, which: string, place: string, sizes: Map<string, { readonly size: number, readonly at: string }>,
): void {
  const declared = input.shape[axis]
  const where = `${place}, axis ${axis}, ${which}`
  if (!Number.isInteger(size) || size < 0) throw new TensorrtError('TENSORRT_PROFILE', 'A size is not a whole number', { got: String(size), where })
  if (typeof declared === 'number') {
    if (declared !== size) throw new TensorrtError('TENSORRT_PROFILE', 'A size that the model fixes is another one in the profile', { expected: String(declared), got: String(size), where })
    return
  }
  if (declared === undefined || /^\?/.test(declared)) return
  const other = sizes.get(declared)
  if (other !== undefined && other.size !== size) {
    throw new TensorrtError('TENSORRT_PROFILE', `The axis "${declared}" has two sizes`, { expected: `${other.size}, as in ${other.at}`, got: String(size), where })
  }
  sizes.set(declared, { size, at: `${input.name}, axis ${axis}` })
}

/**
 * A profile from the ranges of named axes.
 *
 * @example profileOf(inputs, { N: { min: 1, opt: 8, max: 32 } })
 * @throws TensorrtError `TENSORRT_PROFILE` when an axis has no range, or a range belongs to no axis
 */
export function profileOf(inputs: readonly ModelInput[], sizes: Readonly<Record<string, SizeRange>>): ShapeProfile {
  const names = new Set(inputs.flatMap((input) => input.shape.filter((size) => typeof size === 'string')))
  for (const name of Object.keys(sizes)) {
    if (!names.has(name)) throw new TensorrtError('TENSORRT_PROFILE', 'No axis has this name', { got: name, expected: [...names].join(', ') || 'none: all sizes are fixed' })
  }
  const at = (size: number | string, which: (typeof WHICH)[number], input: ModelInput): number => {
    if (typeof size === 'number') return size
    const range = sizes[size]
    if (range === undefined) throw new TensorrtError('TENSORRT_PROFILE', `The axis "${size}" has no range`, { where: `input ${input.name}: ${show(input.shape)}` })
    return typeof range === 'number' ? range : range[which]
  }
  const profile = Object.fromEntries(inputs.filter(vary).map((input): [string, ShapeRange] => {
    const [min, opt, max] = WHICH.map((which) => input.shape.map((size) => at(size, which, input)))
    return [input.name, { min: min ?? [], opt: opt ?? [], max: max ?? [] }]
  }))
  checkOne(inputs, profile, 'profile')
  return profile
}

/** Whether a shape lies within a range. */
export function inRange(shape: readonly number[], range: ShapeRange): boolean {
  return shape.length === range.min.length && shape.every((size, axis) => size >= (range.min[axis] ?? 0) && size <= (range.max[axis] ?? 0))
}

/** `x:1x3x224x224,mask:1x128`, as trtexec and ONNX Runtime's provider write shapes. */
export function shapeText(profile: ShapeProfile, which: (typeof WHICH)[number]): string {
  return Object.entries(profile).map(([name, range]) => `${name}:${range[which].join('x')}`).join(',')
}

const show = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`
