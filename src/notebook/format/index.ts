export * from './clean'
export * from './ipynb'
export * from './json'
export * from './script'
