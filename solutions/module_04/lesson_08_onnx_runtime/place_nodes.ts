import type { ExecutionProvider, Placement } from '../../../exercises/module_04/lesson_08_onnx_runtime/place_nodes/exercise'

// #region cell
export function placeNodes(operators: string[], providers: ExecutionProvider[]): Placement {
  const placed = operators.map((operator) => {
    const provider = providers.find((each) => each.operators.includes(operator))
    if (!provider) throw new Error(`no provider has a kernel for ${operator}`)
    return provider
  })
  let copies = 0
  let at: 'cpu' | 'gpu' = 'cpu'
  for (const device of [...placed.map((each) => each.device), 'cpu' as const]) {
    if (device !== at) copies++
    at = device
  }
  return { providers: placed.map((each) => each.name), copies }
}
// #endregion
