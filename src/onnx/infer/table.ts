// Which inference function belongs to which operator. An operator is added in the file of its family.
import type { InferFunction } from './context'
import { CONTROL } from './control'
import { ELEMENTWISE } from './elementwise'
import { LINEAR } from './linear'
import { MISC } from './misc'
import { SHAPES } from './shapes'
import { SPATIAL } from './spatial'

/** Inference functions by domain and operator. */
export const INFERENCE: Readonly<Record<string, Readonly<Record<string, InferFunction>> | undefined>> = {
  '': { ...ELEMENTWISE, ...SHAPES, ...SPATIAL, ...LINEAR, ...CONTROL, ...MISC },
}
