export * from './compare'
export * from './model-comparison'
export * from './statistics'
