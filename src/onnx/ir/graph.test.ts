import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Graph, GraphBuilder, Node, OnnxError, Tensor, Value } from '../index'

/** Every link of the graph, checked from both sides. */
function checkLinks(graph: Graph): void {
  for (const node of graph.nodes) {
    expect(node.graph).toBe(graph)
    node.inputs.forEach((input, index) => {
      if (input !== undefined) expect(input.uses.some((use) => use.node === node && use.index === index)).toBe(true)
    })
    for (const output of node.outputs) expect(output.producer).toBe(node)
  }
  for (const value of graph.values()) {
    for (const { node, index } of value.uses) {
      expect(node.inputs[index]).toBe(value)
      expect(node.graph).toBeDefined()
    }
  }
}

function chain(): { g: GraphBuilder; x: Value; a: Value; b: Value } {
  const g = new GraphBuilder('chain')
  const x = g.input('x', 'float32', ['N', 4])
  const a = g.op('Relu', [x], {}, { name: 'a' })
  const b = g.op('Add', [a, a], {}, { name: 'b' })
  g.output(b, 'y')
  return { g, x, a, b }
}

describe('editing a graph', () => {
  test('replaceAllUses moves every use, also outputs and uses inside subgraphs', () => {
    const { g, x, a, b } = chain()
    const then = g.subgraph('then', (inner) => inner.output(inner.op('Neg', [a])))
    const otherwise = g.subgraph('else', (inner) => inner.output(inner.op('Abs', [a])))
    g.op('If', [g.constant([true] as never, 'flag', 'bool', [])], { then_branch: then, else_branch: otherwise })
    expect(a.uses).toHaveLength(4)
    g.graph.replaceAllUses(a, x)
    expect(a.uses).toHaveLength(0)
    expect(x.uses).toHaveLength(5)
    expect(then.nodes[0]!.inputs[0]).toBe(x)
    g.graph.replaceAllUses(b, x)
    expect(g.graph.outputs).toEqual([x])
    g.graph.remove(a.producer!)
    checkLinks(g.graph)
  })

  test('a node whose output is read cannot be removed; its subgraphs stop reading when it is', () => {
    const { g, a } = chain()
    expect(() => { g.graph.remove(a.producer!) }).toThrow(OnnxError)
    const body = g.subgraph('body', (inner) => inner.output(inner.op('Neg', [a])))
    const branch = g.op('If', [g.constant(1, 'c', 'bool')], { then_branch: body, else_branch: g.subgraph('e', (i) => i.output(i.op('Abs', [a]))) })
    expect(a.consumers.size).toBe(3)
    g.graph.remove(branch.producer!)
    expect(a.consumers.size).toBe(1)
  })

  test('names are unique over the whole nest of graphs', () => {
    const { g, a, x } = chain()
    const inner = g.subgraph('then', (i) => i.output(i.op('Neg', [x], {}, { name: 'a' })))
    expect(inner.outputs[0]!.name).not.toBe(a.name)
    expect(g.graph.rename(a, 'x')).not.toBe('x')
    expect(() => g.graph.rename(a, 'y', 'throw')).toThrow(/already taken/)
  })

  test('random edits keep producers and uses consistent', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(4), fc.nat(50), fc.nat(50)), { maxLength: 60 }), (steps) => {
      const graph = new Graph('random')
      const x = graph.addInput(new Value('x'))
      for (const [kind, i, j] of steps) {
        const { nodes } = graph
        const values = [...graph.values()]
        const value = values[i % values.length] ?? x
        const place = nodes[j % Math.max(1, nodes.length)]
        if (kind === 0 || place === undefined) graph.append(new Node('Add', [value, x]))
        else if (kind === 1) graph.insertBefore(place, new Node('Neg', [value]))
        else if (kind === 2) graph.insertAfter(place, new Node('Split', [value, undefined, x], 2))
        else if (kind === 3) place.setInput(j % 3, value)
        else {
          for (const output of place.outputs) graph.replaceAllUses(output, x)
          graph.remove(place)
        }
      }
      checkLinks(graph)
      expect(graph.nodes).toHaveLength(graph.nodeCount)
      expect(new Set([...graph.values()].map((value) => value.name)).size).toBe([...graph.values()].length)
    }))
  })
})

describe('attributes', () => {
  test('plain values become attributes, and accessors give them back', () => {
    const node = new Node('Op', [], 1, {
      attributes: { a: 1, b: 1.5, c: [1, 2], d: 'text', e: [0.5, 1], f: true, g: 2n ** 63n - 1n, t: Tensor.from([1, 2]) },
    })
    expect([node.int('a'), node.float('b'), node.ints('c'), node.string('d'), node.int('f')]).toEqual([1, 1.5, [1, 2], 'text', 1])
    expect(node.get('e', 'floats')).toEqual([0.5, 1])
    expect(node.get('g', 'int')).toBe(9223372036854775807n)
    expect(node.int('missing', 7)).toBe(7)
    expect(() => node.int('d')).toThrow(/wrong kind/)
  })
})
