import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/topological_order'
import type { GraphNode } from './exercise'

const { topologicalOrder } = course.subject(reference)
const { assertEqual, assertThrows, freshRandom } = course

const node = (name: string, inputs: string[], outputs: string[]): GraphNode => ({ name, inputs, outputs })

/** Of all orders of the nodes, tried one after another, the first that runs: that is the one asked for. */
function firstThatRuns(nodes: GraphNode[], known: string[]): string[] | undefined {
  if (nodes.length === 0) return []
  for (const next of nodes) {
    if (!next.inputs.every((input) => input === '' || known.includes(input))) continue
    const rest = firstThatRuns(nodes.filter((each) => each !== next), [...known, ...next.outputs])
    if (rest) return [next.name, ...rest]
  }
  return undefined
}

test('nodes in reverse', async () => {
  const nodes = [node('add', ['p', 'b'], ['y']), node('matmul', ['h', 'w'], ['p']), node('relu', ['x'], ['h'])]
  assertEqual(await topologicalOrder(nodes, ['x', 'w', 'b']), ['relu', 'matmul', 'add'])
})

test('of several ready nodes, the earliest in the list', async () => {
  assertEqual(await topologicalOrder([node('relu', ['h'], ['y']), node('matmul', ['x'], ['h']), node('shape', ['x'], ['s'])], ['x']), ['matmul', 'relu', 'shape'])
  const residual = [node('add', ['left', 'right'], ['y']), node('conv2', ['x'], ['right']), node('conv1', ['x'], ['left'])]
  assertEqual(await topologicalOrder(residual, ['x']), ['conv2', 'conv1', 'add'])
})

test('a node with several outputs', async () => {
  const nodes = [node('mul', ['b', 'c'], ['y']), node('split', ['x'], ['a', 'b', 'c'])]
  assertEqual(await topologicalOrder(nodes, ['x']), ['split', 'mul'])
})

test('an optional input that is left out, and one value read twice', async () => {
  const nodes = [node('square', ['c', 'c'], ['y']), node('clip', ['x', '', 'six'], ['c'])]
  assertEqual(await topologicalOrder(nodes, ['x', 'six']), ['clip', 'square'])
})

test('a node without inputs, and a graph without nodes', async () => {
  assertEqual(await topologicalOrder([node('add', ['x', 'one'], ['y']), node('constant', [], ['one'])], ['x']), ['constant', 'add'])
  assertEqual(await topologicalOrder([], ['x']), [])
})

test('a value that nothing makes is named', async () => {
  await assertThrows(
    topologicalOrder([node('add', ['h', 'bias'], ['y']), node('matmul', ['x', 'weights'], ['h'])], ['x', 'weights']),
    'Nothing makes the value "bias", and it is not available. Throw an Error that names it: whoever repairs the model looks for that name.',
    /bias/,
  )
})

test('a cycle is called one, with a node on it', async () => {
  await assertThrows(
    topologicalOrder([node('softmax', ['s'], ['y']), node('gate', ['x', 's'], ['g']), node('scale', ['g'], ['s'])], ['x']),
    'gate and scale wait for each other. Throw an Error with the word "cycle" and the name of one of them; softmax waits too, but only behind them.',
    /(?=[^]*cycle)[^]*(gate|scale)/i,
  )
})

test('forty random graphs, with every order tried', async () => {
  const random = freshRandom()
  for (let i = 0; i < 40; i++) {
    const made = ['x', 'w']
    const nodes = Array.from({ length: 3 + random.int(5) }, (_, k) => {
      const inputs = Array.from({ length: random.int(4) }, () => (random.int(8) === 0 ? '' : made[random.int(made.length)]!))
      const outputs = Array.from({ length: 1 + random.int(2) }, (_, j) => `v${k}_${j}`)
      made.push(...outputs)
      return node(`n${k}`, inputs, outputs)
    })
    random.shuffle(nodes)
    assertEqual(await topologicalOrder(nodes, ['x', 'w']), firstThatRuns(nodes, ['x', 'w']))
  }
})
