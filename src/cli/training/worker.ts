// A contestant in its own process: `node worker.js ENGINE MODEL THREADS`, then one number of steps a line on stdin, answered
// by one line of JSON with the milliseconds a step took.
import { createInterface } from 'node:readline'
import * as tf from '@tensorflow/tfjs'
import * as engine from '../../engine'
import { jaxStep } from './jax'
import { cases, dataOf } from './models'

/** A training step of `kind` that reads the loss. */
async function stepOf(kind: string, model: string, threads: number): Promise<() => number | Promise<number>> {
  const one = cases[model]
  if (!one) throw new Error(`no case ${model}`)
  if (kind === 'jax') return jaxStep(model)
  if (kind === 'onnx' || kind === 'compiled' || kind === 'batch') await engine.start({ threads })
  else {
    // No dependency of the project: measured where it is installed.
    const wasm: string = '@tensorflow/tfjs-backend-wasm'
    if (kind === 'wasm') await import(wasm)
    await tf.setBackend(kind)
    await tf.ready()
  }
  const data = dataOf(one)
  if (kind === 'batch') {
    const layers = one.layers?.()
    if (!layers) throw new Error(`${one.name} is no layers model`)
    // Loss and optimizer are those of the other contestants; the softmax is a layer here.
    layers.compile({ optimizer: tf.train.adam(0.001), loss: 'categoricalCrossentropy' })
    return async () => Number([await layers.trainOnBatch(data[0] as tf.Tensor, data[1] as tf.Tensor)].flat()[0])
  }
  const plain = one.make()
  const step = kind === 'compiled' ? engine.compile(plain) : plain
  return () => {
    const loss = step(...data)
    const value = loss.dataSync()[0] ?? Number.NaN
    loss.dispose()
    return value
  }
}

async function main([kind = '', model = '', threads = '1']: readonly string[]): Promise<void> {
  const run = await stepOf(kind, model, Number(threads))
  process.stdout.write(JSON.stringify({ ready: true, loss: await run() }) + '\n')
  for await (const line of createInterface({ input: process.stdin })) {
    const steps = Number(line)
    const start = performance.now()
    const before = process.cpuUsage()
    let loss = 0
    for (let i = 0; i < steps; i++) loss = await run()
    const used = process.cpuUsage(before)
    const cpu = (used.user + used.system) / 1000 / steps
    process.stdout.write(JSON.stringify({ ms: (performance.now() - start) / steps, cpu, loss }) + '\n')
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stdout.write(JSON.stringify({ error: error instanceof Error ? error.message.split('\n')[0] : String(error) }) + '\n')
  process.exit(1)
})
