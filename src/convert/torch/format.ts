// torch.export archives as a format of convert().
import type { Format } from '../convert'
import { ConvertError } from '../errors'
import { isExportedProgram, readArchive } from './archive'
import { placeOf } from './arguments'
import { functionOf, Lowerer } from './lower'
import type { Program, ProgramGraph, Size } from './program'
import { torchOperators } from './table'

/** Opsets whose operators are used: reductions with axes as inputs came with 18. */
const OPSETS = { first: 18, last: 23, usual: 21 } as const

export const exportedProgramFormat: Format = {
  name: 'PyTorch torch.export archive',
  endings: ['.pt2'],
  matches: ({ bytes }) => bytes !== undefined && isExportedProgram(bytes),
  convert: ({ bytes, name }, options) => {
    if (bytes === undefined) throw new ConvertError('CONVERT_FORMAT', 'A torch.export archive is one file', { where: name })
    const opset = options.opset ?? OPSETS.usual
    if (!Number.isInteger(opset) || opset < OPSETS.first || opset > OPSETS.last) {
      throw new ConvertError('CONVERT_OPTION', 'The operator set cannot be written', { expected: `${OPSETS.first} to ${OPSETS.last}`, got: String(opset) })
    }
    const { program, weights, symbolNames } = readArchive(bytes, options)
    const functions = options.functions ?? []
    torchOperators.requireAll([...uses(program.graph)].filter(({ operator }) => functionOf(operator, functions) === undefined))
    const names = axisNames(program, symbolNames)
    const lowerer = new Lowerer(program, {
      opset, weight: (weight) => weights.read(weight), sameWeight: weights.same, symbolNames: names, functions,
    })
    const { model, operators } = lowerer.run()
    const symbols = Object.fromEntries([...program.ranges].map(([symbol, range]) => [names.get(symbol) ?? symbol, range]))
    const shared = [...weights.same].map(([weight, first]) => `${weight} is the same tensor as ${first}, and stands in the model under that name`)
    return { model, facts: { format: 'PyTorch torch.export archive', version: program.version, operators, symbols, notes: [...shared, ...program.notes, ...lowerer.notes] } }
  },
}

function* uses(graph: ProgramGraph): Generator<{ operator: string; place: string }> {
  for (const node of graph.nodes) {
    yield { operator: node.target, place: placeOf(node) }
    for (const argument of node.inputs.values()) if (argument.kind === 'graph') yield* uses(argument.graph)
  }
}

/** Names of axes: what our helper noted; else `batch` for a first axis, and the input's name with the axis for others. */
function axisNames({ graph, inputs }: Program, noted: ReadonlyMap<string, string>): Map<string, string> {
  const names = new Map(noted)
  const taken = new Set(names.values())
  const give = (symbol: string, wanted: string): void => {
    let name = wanted
    for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`
    taken.add(name)
    names.set(symbol, name)
  }
  for (const role of inputs) {
    if (role.role !== 'user' || role.argument.kind !== 'tensor') continue
    const { name } = role.argument
    graph.tensors.get(name)?.sizes.forEach((size: Size, axis) => {
      if (typeof size === 'number' || typeof size.dim !== 'string' || !/^\w+$/.test(size.dim) || names.has(size.dim)) return
      give(size.dim, axis === 0 ? 'batch' : `${name}_${axis}`)
    })
  }
  return names
}
