// A contestant in its own process: `node worker.js ENGINE MODEL THREADS`, then one number of steps a line on stdin, answered
// by one line of JSON with the milliseconds a step took.
import { createInterface } from 'node:readline'
import * as tf from '@tensorflow/tfjs'
import * as engine from '../../engine'
import { cases, dataOf } from './models'

async function main([kind = '', model = '', threads = '1']: readonly string[]): Promise<void> {
  const one = cases[model]
  if (!one) throw new Error(`no case ${model}`)
  if (kind === 'onnx' || kind === 'compiled') await engine.start({ threads: Number(threads) })
  else {
    // No dependency of the project: measured where it is installed.
    const wasm: string = '@tensorflow/tfjs-backend-wasm'
    if (kind === 'wasm') await import(wasm)
    await tf.setBackend(kind)
    await tf.ready()
  }
  const plain = one.make()
  const step = kind === 'compiled' ? engine.compile(plain) : plain
  const data = dataOf(one)
  const run = (): number => {
    const loss = step(...data)
    const value = loss.dataSync()[0] ?? Number.NaN
    loss.dispose()
    return value
  }
  process.stdout.write(JSON.stringify({ ready: true, loss: run() }) + '\n')
  for await (const line of createInterface({ input: process.stdin })) {
    const steps = Number(line)
    const start = performance.now()
    const before = process.cpuUsage()
    let loss = 0
    for (let i = 0; i < steps; i++) loss = run()
    const used = process.cpuUsage(before)
    const cpu = (used.user + used.system) / 1000 / steps
    process.stdout.write(JSON.stringify({ ms: (performance.now() - start) / steps, cpu, loss }) + '\n')
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stdout.write(JSON.stringify({ error: error instanceof Error ? error.message.split('\n')[0] : String(error) }) + '\n')
  process.exit(1)
})
