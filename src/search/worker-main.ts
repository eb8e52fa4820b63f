// The program of a worker process: loads the objective and runs trials until the study has enough.
import { journalStorage } from './storage'
import { createStudy } from './study'
import type { Objective, StudyOptions } from './study'

interface Order { readonly module: string; readonly journal: string; readonly trials: number; readonly seed: number; readonly worker: string }
interface Exports { readonly objective?: Objective; readonly study?: StudyOptions }

async function main(): Promise<void> {
  const order = JSON.parse(process.argv[2] ?? '{}') as Order
  const loaded = await import(order.module) as Exports & { readonly default?: Exports }
  const { objective, study: options } = loaded.objective ? loaded : (loaded.default ?? {})
  if (typeof objective !== 'function') throw new TypeError(`${order.module} does not export a function named objective`)
  const stop = new AbortController()
  process.on('SIGTERM', () => stop.abort())
  process.on('disconnect', () => process.exit(1)) // the parent is gone
  const study = await createStudy({
    ...options, storage: journalStorage(order.journal), seed: order.seed, worker: order.worker,
  })
  await study.optimize(objective, { totalTrials: order.trials, signal: stop.signal, onTrial: () => process.send?.('trial') })
}

main().then(() => process.exit(0), (error: unknown) => {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exit(1)
})
