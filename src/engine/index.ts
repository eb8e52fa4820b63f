// TensorFlow.js at native speed: the backend `onnx`, and its graphs as models.
export { clearCache, flush, start, status, use } from './engine'
export type { EngineStatus, UseOptions } from './engine'
export { EngineError } from './errors'
export type { EngineErrorCode } from './errors'
export type { EngineOptions } from './options'
export { register } from './register'
