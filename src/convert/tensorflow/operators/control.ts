// Control flow of TensorFlow 2 (If, While) as ONNX's If and Loop, and lists of tensors as ONNX sequences.
import type { DType } from '../../../core'
import { tensorType, type Graph, type Value } from '../../../onnx'
import { lowering, type TfContext, type TfLowering } from '../context'
import { bodyOf, functionNamed, GraphNode, type Endpoint } from '../graph'
import { Emitter, Held } from '../held'

/** Runs a function of the graph in the graph that `emitter` writes; its results as values. */
function inside(c: TfContext, emitter: Emitter, name: string, args: readonly Held[]): Held[] {
  const f = functionNamed(c.lowerer.graph, c.node, name)
  const parameters = args.map((held, i): Endpoint => {
    const node = new GraphNode(`${c.node.name}/${f.parameters[i]?.name ?? i}`, '_Argument', new Map())
    c.lowerer.bind(node, held)
    return { node, index: 0 }
  })
  const body = bodyOf(f, parameters, `${c.node.name}/`)
  return c.lowerer.within(emitter, () => c.lowerer.lower(body.results))
}

function subgraph(c: TfContext, name: string, build: (emitter: Emitter) => void): Graph {
  return c.emitter.g.subgraph(name, (g) => { build(new Emitter(g, c.emitter.opset, (what, got) => c.error(what, got), c.emitter)) })
}

/** A value that an inner graph gives must be made in it. */
const own = (emitter: Emitter, value: Value): Value => (value.graph === emitter.g.graph && value.producer !== undefined ? value : emitter.g.op('Identity', [value]))

const branch: TfLowering = lowering(['If'], (c) => {
  const args = c.inputs.slice(1)
  const condition = c.in(0)
  const flag = condition.dtype === 'bool' ? condition : c.emitter.cast(condition, 'bool')
  let count = 0
  const make = (name: string, attribute: string): Graph => subgraph(c, name, (emitter) => {
    const results = inside(c, emitter, c.node.func(attribute) ?? '', args)
    count = results.length
    for (const held of results) emitter.g.output(own(emitter, held.value))
  })
  // Values that both branches read are laid out before the branch.
  for (const held of args) if (held.handle === undefined) held.layOut()
  const branches = { then_branch: make('then', 'then_branch'), else_branch: make('else', 'else_branch') }
  const scalar = (flag.shape?.length ?? 0) === 0 ? flag : c.op('Reshape', [flag, c.emitter.numbers([])])
  c.emitter.ops('If', [scalar], branches, { outputs: count }).forEach((value, i) => { c.out(value, i) })
})

/** while (cond(x)) x = body(x): the condition is computed before the loop and at the end of each round. */
const loop: TfLowering = lowering(['Loop'], (c) => {
  const carried = c.inputs.map((held, i) => ({ held, i })).filter(({ held }) => held.handle === undefined)
  const [cond, body] = [c.node.func('cond') ?? '', c.node.func('body') ?? '']
  const initial = carried.map(({ held }) => held.value)
  const [start] = inside(c, c.emitter, cond, c.inputs)
  if (start === undefined) throw c.error('the condition gives nothing')
  const results: Value[] = []
  const graph = subgraph(c, 'body', (emitter) => {
    emitter.g.input(`${c.node.name}/round`, 'int64', [])
    emitter.g.input(`${c.node.name}/going`, 'bool', [])
    const declared = c.node.attrs.get('output_shapes')?.list?.shape
    const args = c.inputs.map((held, i) => {
      if (held.handle !== undefined) return held
      const { type, shape } = held.value
      const sizes = declared?.[i]?.dim?.map(({ size }) => (Number(size ?? 0) < 0 ? null : Number(size ?? 0)))
      const loose = type?.kind !== 'tensor' || shape === undefined ? type
        : { ...type, shape: shape.map((size, axis) => (sizes !== undefined && sizes.length === shape.length && sizes[axis] === null ? null : size)) }
      return Held.of(emitter, emitter.g.input(`${c.node.name}/state_${i}`, loose ?? { kind: 'tensor' }))
    })
    const next = inside(c, emitter, body, args)
    const [going] = inside(c, emitter, cond, next)
    if (going === undefined) throw c.error('the condition gives nothing')
    emitter.g.output(own(emitter, going.value))
    for (const { i } of carried) {
      const value = own(emitter, (next[i] as Held).value)
      results.push(value)
      emitter.g.output(value)
    }
  })
  const made = c.emitter.ops('Loop', [undefined, start.value, ...initial], { body: graph }, { outputs: carried.length })
  c.inputs.forEach((held, i) => { if (held.handle !== undefined) c.give(held, i) })
  carried.forEach(({ i }, k) => { c.out(made[k] as Value, i) })
})

const CODES: Readonly<Record<string, number>> = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 }

const emptyList = lowering(['SequenceEmpty'], (c) => {
  c.out(c.op('SequenceEmpty', [], { dtype: CODES[c.node.dtype('element_dtype') ?? 'float32'] ?? 1 }))
})

/** Lists are written from front to back: an entry is added at the end; entry 0 of a list that keeps only one is replaced. */
const setItem = lowering(['SequenceInsert'], (c) => {
  const index = c.held(1).constant
  c.out(index?.item() === 0 ? c.op('SequenceConstruct', [c.in(2)]) : c.op('SequenceInsert', [c.in(0), c.in(2)]))
}, 'entries that are not written in order')

/** The shape that the graph states for the elements of a list, where inference found none. */
function shaped(c: TfContext, value: Value, index: number, front: readonly null[]): Value {
  const sizes = c.inputs[index]?.constant?.numbers()
  if (value.shape === undefined && sizes !== undefined && c.inputs[index]?.rank === 1) {
    value.type = tensorType(value.dtype ?? c.node.dtype('element_dtype'), [...front, ...sizes.map((size) => (size < 0 ? null : size))])
  }
  return value
}

/** Types that ONNX Runtime does not split, and those in which their lists are kept. */
const SPLIT_AS: Partial<Record<DType, DType>> = { uint8: 'int32', int8: 'int32', uint16: 'int32', int16: 'int32', bool: 'int32', float16: 'float32', bfloat16: 'float32' }

/** An element in the type that the graph states, where its list is kept in another. */
function asDeclared(c: TfContext, value: Value): Value {
  const wanted = c.node.dtype('element_dtype')
  return wanted === undefined || SPLIT_AS[wanted] === undefined ? value : c.emitter.cast(value, wanted)
}

export const control: Readonly<Record<string, TfLowering>> = {
  If: branch, StatelessIf: branch, While: loop, StatelessWhile: loop,
  TensorListReserve: emptyList, EmptyTensorList: emptyList,
  TensorListSetItem: setItem,
  TensorListPushBack: lowering(['SequenceInsert'], (c) => { c.out(c.op('SequenceInsert', [c.in(0), c.in(1)])) }),
  TensorListGetItem: lowering(['SequenceAt'], (c) => { c.out(asDeclared(c, shaped(c, c.op('SequenceAt', [c.in(0), c.in(1)]), 2, []))) }),
  TensorListFromTensor: lowering(['SplitToSequence', 'Cast'], (c) => {
    const x = c.in(0), kept = SPLIT_AS[x.dtype ?? 'float32']
    c.out(c.op('SplitToSequence', [kept === undefined ? x : c.emitter.cast(x, kept)], { axis: 0, keepdims: 0 }))
  }),
  TensorListStack: lowering(['ConcatFromSequence'], (c) => { c.out(asDeclared(c, shaped(c, c.op('ConcatFromSequence', [c.in(0)], { axis: 0, new_axis: 1 }), 1, [null]))) }),
  TensorListLength: lowering(['SequenceLength'], (c) => { c.out(c.emitter.cast(c.op('SequenceLength', [c.in(0)]), 'int32')) }),
}
