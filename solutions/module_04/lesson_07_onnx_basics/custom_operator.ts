import type { NodeSpec } from '../../../exercises/module_04/lesson_07_onnx_basics/custom_operator/exercise'

// #region cell
export function mishAsNodes(): NodeSpec[] {
  // Softplus is ln(1 + eˣ), computed so that nothing overflows.
  return [
    { opType: 'Softplus', inputs: ['x'], output: 'softplus' },
    { opType: 'Tanh', inputs: ['softplus'], output: 'gate' },
    { opType: 'Mul', inputs: ['x', 'gate'], output: 'y' },
  ]
}
// #endregion
