export * from './compare'
export * from './statistics'
