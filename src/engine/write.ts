// From records to an ONNX graph: lowerings write the nodes of each call, and what they wrote is held against what they
// promised.
import { sameShape } from '../core'
import { Builder } from './builder'
import { EngineError } from './errors'
import type { V } from './graph'
import { table } from './table'
import type { Call, Lazy, View } from './record'

/** Makes the value for data that is already there: an input, a weight, a constant. */
export type Leaf = (b: Builder, value: Lazy) => V

/** Writes everything that `outputs` need and returns their values, in order. */
export function writeGraph(b: Builder, outputs: readonly View[], leaf: Leaf, descend: Descend = everywhere): V[] {
  const made = new Map<Lazy, V>()
  const valueOf = (view: View): V => {
    let v = made.get(view.value)
    if (!v) {
      v = leaf(b, view.value)
      made.set(view.value, v)
    }
    return b.reshape(v, view.shape)
  }
  for (const call of inOrder(outputs.map((o) => o.value), descend)) {
    const entry = table[call.kernel]
    if (!('emit' in entry)) throw new EngineError('ENGINE_INTERNAL', `${call.kernel} was recorded without a lowering`)
    const inputs = Object.fromEntries(call.inputs.map((view, i) => [call.names[i] ?? String(i), valueOf(view)]))
    const result = entry.emit(b, inputs, call.attributes, call.outputs)
    const values = Array.isArray(result) ? (result as readonly V[]) : [result as V]
    call.outputs.forEach((output, i) => {
      const v = values[i]
      if (!v || v.dtype !== output.dtype || !sameShape(v.shape, output.shape)) {
        throw new EngineError('ENGINE_INTERNAL', `The lowering of ${call.kernel} does not give what it promised`, {
          expected: `${output.dtype} [${output.shape.join(', ')}]`, got: v ? `${v.dtype} [${v.shape.join(', ')}]` : 'nothing',
        })
      }
      made.set(output, v)
    })
  }
  return outputs.map(valueOf)
}

/** Whether the graph is to contain the call behind a value; otherwise the value is a leaf. */
export type Descend = (value: Lazy) => boolean

const everywhere: Descend = () => true

/** The calls that `outputs` wait for, each after the calls it reads. */
export function inOrder(outputs: readonly Lazy[], descend: Descend = everywhere): Call[] {
  const callOf = (value: Lazy): Call | undefined => (value.data || !descend(value) ? undefined : value.call)
  const order: Call[] = []
  const done = new Set<Call>()
  const open: Call[] = []
  for (const output of outputs) {
    const last = callOf(output)
    if (last) open.push(last)
    for (let call = open.at(-1); call; call = open.at(-1)) {
      if (done.has(call)) {
        open.pop()
        continue
      }
      const before = open.length
      for (const { value } of call.inputs) {
        const earlier = callOf(value)
        if (earlier && !done.has(earlier)) open.push(earlier)
      }
      if (open.length === before) {
        open.pop()
        done.add(call)
        order.push(call)
      }
    }
  }
  return order
}
