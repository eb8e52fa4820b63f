// Every operator that has a TensorFlow.js form. An operator is added by an entry in its family's file.
import { control } from './control'
import { elementwise } from './elementwise'
import { matrix } from './matrix'
import { normalize } from './normalize'
import type { Operator } from './operator'
import { quantization } from './quantize'
import { recurrence } from './recurrent'
import { reduce } from './reduce'
import { resizing } from './resize'
import { shape } from './shape'
import { spatial } from './spatial'

const TABLE: ReadonlyMap<string, Operator> = new Map(Object.entries({
  ...elementwise, ...shape, ...reduce, ...matrix, ...spatial, ...resizing, ...normalize, ...recurrence, ...quantization, ...control,
}))

/** The form of an operator, or undefined. Operators of com.microsoft that are ONNX's own under another domain count too. */
export function operatorOf(opType: string, domain: string): Operator | undefined {
  return domain === '' || domain === 'ai.onnx' || domain === 'com.microsoft' ? TABLE.get(opType) : undefined
}

/** Names of all operators that have one. */
export function supportedOperators(): string[] {
  return [...TABLE.keys()].sort()
}
