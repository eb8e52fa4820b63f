import { describe, expect, it } from 'vitest'
import { Graph, Model, Node, Tensor, tensorType, Value, writeModel } from '../onnx'
import { Session, toNative } from '../runtime'
import { ThreadChoice } from './threads'

/** y = x + 1 */
function addOne(): Uint8Array {
  const graph = new Graph('addOne')
  const x = graph.addInput(new Value('x', tensorType('float32', [4])))
  const { output } = graph.append(new Node('Add', [x, graph.addInitializer('one', Tensor.from(new Float32Array([1]), [1], 'float32'))], ['y']))
  output.type = tensorType('float32', [4])
  graph.addOutput(output)
  return writeModel(new Model(graph, { opsets: new Map([['', 21]]), irVersion: 10 }))
}

/** A run that takes `ms` of the session's number of threads, and gives its result. */
const runTaking = (ms: Readonly<Record<number, number>>) => (session: Session): readonly number[] => {
  const end = performance.now() + (ms[session.options.threads ?? 1] ?? 0)
  while (performance.now() < end);
  const x = toNative('float32', Float32Array.of(1, 2, 3, 4), [4])
  return [...session.runNative({ x }, { y: null }).y?.data as Float32Array]
}

describe('how many threads a graph gets', () => {
  it.each([
    { ms: { 1: 1, 2: 4 }, threads: 1, why: 'one is faster' },
    { ms: { 1: 4, 2: 1 }, threads: 2, why: 'two are faster' },
  ])('$threads where $why, with the same results all along', ({ ms, threads }) => {
    const choice = new ThreadChoice(addOne(), { threads: 2, spinning: 'run' }, true)
    for (let i = 0; i < 1000 && choice.open; i++) expect(choice.run(runTaking(ms))).toEqual([2, 3, 4, 5])
    expect(choice.open).toBe(false)
    expect(choice.threads).toBe(threads)
    expect(choice.run(runTaking(ms))).toEqual([2, 3, 4, 5])
    choice.dispose()
    expect(() => choice.run(runTaking(ms))).toThrow(/disposed/)
  })

  it('the given one when it is not to be measured', () => {
    const choice = new ThreadChoice(addOne(), { threads: 2 }, false)
    for (let i = 0; i < 60; i++) choice.run(runTaking({ 1: 0, 2: 1 }))
    expect(choice.threads).toBe(2)
    choice.dispose()
  })

  it('lets go of both sessions in the middle of a trial', () => {
    const choice = new ThreadChoice(addOne(), { threads: 2 }, true)
    const sessions = new Set<Session>()
    for (let i = 0; i < 1000 && sessions.size < 2; i++) choice.run((session) => { sessions.add(session); runTaking({ 1: 2, 2: 2 })(session) })
    expect(sessions.size).toBe(2)
    choice.dispose()
    for (const session of sessions) expect(() => runTaking({})(session)).toThrow(/disposed/)
  })
})
