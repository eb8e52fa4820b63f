import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/place_nodes'
import type { ExecutionProvider } from './exercise'

const RIGHT = {
  place: (operators: string[], providers: ExecutionProvider[]): (ExecutionProvider | undefined)[] =>
    operators.map((operator) => providers.find((each) => each.operators.includes(operator))),
  path: (placed: ExecutionProvider[]): string[] => ['cpu', ...placed.map((each) => each.device), 'cpu'],
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { place, path } = { ...RIGHT, ...wrong }
  return {
    placeNodes(operators, providers) {
      const placed = place(operators, providers).map((each, i) => {
        if (!each) throw new Error(`no kernel for ${operators[i]}`)
        return each
      })
      const devices = path(placed)
      return { providers: placed.map((each) => each.name), copies: devices.filter((device, i) => i > 0 && device !== devices[i - 1]).length }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'copies-between-providers',
    sentence: 'You count a copy wherever the provider changes. TensorRT and CUDA share the memory of the GPU: only a change of device costs a copy.',
    functions: variant({ path: (placed) => ['cpu', ...placed.map((each) => each.name), 'cpu'] }),
  },
  {
    name: 'forgets-the-ends',
    sentence: 'The input starts in the processor\'s memory, and the output is wanted there: those two copies are missing.',
    functions: variant({ path: (placed) => placed.map((each) => each.device) }),
  },
  {
    name: 'last-provider-wins',
    sentence: 'You give a node to the last provider that takes it. The list is in order of preference: the first one that has a kernel gets it.',
    functions: variant({ place: (operators, providers) => RIGHT.place(operators, [...providers].reverse()) }),
  },
  {
    name: 'all-or-nothing',
    sentence: 'You looked for one provider that takes the whole model. ONNX Runtime decides node by node: what the first provider lacks runs on the next.',
    functions: variant({ place: (operators, providers) => {
      const one = providers.find((each) => operators.every((operator) => each.operators.includes(operator)))
      return operators.map((operator) => one ?? (providers.some((each) => each.operators.includes(operator)) ? providers.at(-1) : undefined))
    } }),
  },
]
