// What `import … from "whetstone"` gives: the public namespaces, nothing else.
export * as benchmarks from './benchmarks'
export * as convert from './convert'
export * as core from './core'
export { WhetstoneError } from './core'
export * as course from './course'
export { check, hint, progressReport, reset, solution } from './course'
export * as data from './data'
export * as engine from './engine'
export * as notebook from './notebook'
export {
  bars, graphView, heatmap, histogram, images, lines, plot, progress, scatter, show, sideBySide, table, timeline,
} from './notebook'
export * as nn from './nn'
export * as onnx from './onnx'
export * as optimization from './optimization'
export * as runtime from './runtime'
export * as search from './search'
