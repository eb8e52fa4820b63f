// Bundles TensorFlow.js core's own specs with our backend, all on one copy of the core, so that jasmine can run them.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

/** Registers our backend as the one environment. It must run before the specs are loaded. */
const setUp = (root: string, fallback: boolean): string => `
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-core/dist/register_all_gradients'
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops'
import '@tensorflow/tfjs-backend-cpu'
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util'
import { register } from ${JSON.stringify(path.join(root, 'src/engine/register.ts'))}
import { OnnxBackend } from ${JSON.stringify(path.join(root, 'src/engine/backend.ts'))}
register()
const instances = (globalThis.whetstoneBackends = [])
OnnxBackend.whenMade = (backend) => { backend.options.fallback = ${fallback}; instances.push(backend) }
setTestEnvs([{ name: 'onnx', backendName: 'onnx', flags: {}, isDataSync: true }])
`

/**
 * Writes the bundle and returns its file. Annotations are ignored, or tree shaking drops every spec; the old jasmine that
 * the core's test utilities ask for is the running one.
 */
export async function bundleSpecs(root: string, stateFolder: string, fallback: boolean): Promise<string> {
  const folder = path.join(stateFolder, 'cache')
  mkdirSync(folder, { recursive: true })
  const first = path.join(folder, `conformance-setup-${fallback}.mjs`)
  const outfile = path.join(folder, `conformance-${fallback}.cjs`)
  writeFileSync(first, setUp(root, fallback))
  await build({
    stdin: { contents: `import ${JSON.stringify(first)}\nimport '@tensorflow/tfjs-core/dist/tests'`, resolveDir: root, loader: 'js' },
    bundle: true, platform: 'node', format: 'cjs', mainFields: ['module', 'main'], ignoreAnnotations: true, outfile, logLevel: 'error',
    alias: { '@tensorflow/tfjs': path.join(root, 'node_modules/@tensorflow/tfjs-core/dist/index.js') },
    plugins: [{
      name: 'running-jasmine',
      setup(bundler) {
        bundler.onResolve({ filter: /^jasmine-core\/lib/ }, () => ({ path: 'jasmine', namespace: 'running-jasmine' }))
        bundler.onLoad({ filter: /.*/, namespace: 'running-jasmine' }, () => ({ contents: 'exports.core = () => globalThis.jasmine' }))
      },
    }],
  })
  return outfile
}
