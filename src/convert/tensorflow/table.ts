// Every TensorFlow operator that becomes ONNX. One is added by an entry in its family's file.
import type { OperatorTable } from '../operators'
import { tableOf, type TfContext } from './context'
import { arrays } from './operators/arrays'
import { control } from './operators/control'
import { elementwise } from './operators/elementwise'
import { nn } from './operators/nn'

/** The lowerings of TensorFlow's operators: built in, and those that a user registers. */
export const tensorflowOperators: OperatorTable<TfContext> = tableOf(new Map(Object.entries({ ...elementwise, ...arrays, ...nn, ...control })))
