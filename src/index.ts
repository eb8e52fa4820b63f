// What `import … from "whetstone"` gives: the public namespaces, nothing else.
export * as core from './core'
export * as onnx from './onnx'
export { WhetstoneError } from './core'
