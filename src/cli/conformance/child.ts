// Runs a bundle of specs in a process of its own: `node child.js BUNDLE RESULT`. The result is JSON in a file, because specs
// print what they like.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { OnnxBackend } from '../../engine/backend'

/** What one run of the suite gives. */
export interface SpecRun {
  readonly passed: number
  readonly pending: number
  readonly failed: readonly { readonly spec: string; readonly message: string }[]
  /** CPU kernels that ran, with how often. */
  readonly fallbacks: Readonly<Record<string, number>>
  readonly seconds: number
}

/** What is used of jasmine, which has no types of its own. */
interface Runner {
  exitOnCompletion: boolean
  readonly env: { configure(options: Record<string, boolean>): void }
  clearReporters(): void
  addReporter(reporter: { specDone(spec: { status: string; fullName: string; failedExpectations: { message: string }[] }): void }): void
  execute(): Promise<unknown>
}

async function main(bundle: string, result: string): Promise<void> {
  const load = createRequire(__filename)
  const jasmine = new (load('jasmine') as new () => Runner)()
  jasmine.exitOnCompletion = false
  // The core has suites of the same name.
  jasmine.env.configure({ forbidDuplicateNames: false, random: false })
  jasmine.clearReporters()
  const counts: Record<string, number> = {}
  const failed: { spec: string; message: string }[] = []
  jasmine.addReporter({
    specDone(spec) {
      counts[spec.status] = (counts[spec.status] ?? 0) + 1
      if (spec.status !== 'failed') return
      failed.push({ spec: spec.fullName.replace(' onnx {}', ''), message: spec.failedExpectations[0]?.message ?? '' })
    },
  })
  // Specs that expect a rejection leave some unhandled.
  process.on('unhandledRejection', () => undefined)
  const start = performance.now()
  load(bundle)
  await jasmine.execute()
  const fallbacks: Record<string, number> = {}
  for (const backend of (globalThis as { whetstoneBackends?: OnnxBackend[] }).whetstoneBackends ?? []) {
    for (const [kernel, count] of backend.fallbacks) fallbacks[kernel] = (fallbacks[kernel] ?? 0) + count
  }
  const run: SpecRun = {
    passed: counts.passed ?? 0, pending: counts.pending ?? 0, failed, fallbacks, seconds: (performance.now() - start) / 1000,
  }
  writeFileSync(result, JSON.stringify(run))
  process.exit(0)
}

void main(process.argv[2] ?? '', process.argv[3] ?? '')
