// `npm run conformance`: TensorFlow.js core's own specs against the backend onnx, then again with the CPU fallback off.
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { WhetstoneError } from '../../core'
import { isFallback, table } from '../../engine/table'
import { bundleSpecs } from '../conformance/bundle'
import type { SpecRun } from '../conformance/child'
import { exclusions } from '../conformance/exclusions'
import { root, stateFolder } from '../root'

export function register(program: Command): void {
  program.command('conformance')
    .description("run TensorFlow.js core's own specs against the backend onnx")
    .option('--no-fallback', 'only the second run: CPU fallback switched off (it reports and fails nothing)')
    .option('--only-fallback', 'only the first run, with the fallback on')
    .option('--json', 'end with one JSON object')
    .action(async (options: { fallback: boolean; onlyFallback?: boolean; json?: boolean }) => {
      const result: { fallback?: SpecRun & { unexpected: string[]; stale: string[] }; onnxAlone?: SpecRun; withoutLowering: string[] } = {
        withoutLowering: Object.entries(table).filter(([, entry]) => isFallback(entry)).map(([name]) => name),
      }
      if (options.fallback) {
        const run = await runSpecs(true)
        const excluded = new Set(exclusions.map((e) => e.spec))
        const names = new Set(run.failed.map((f) => f.spec))
        const unexpected = [...names].filter((spec) => !excluded.has(spec))
        const stale = [...excluded].filter((spec) => !names.has(spec))
        result.fallback = { ...run, unexpected, stale }
        print(`with the CPU fallback: ${run.passed} passed, ${run.failed.length} failed, ${run.pending} pending in the suite itself (${run.seconds.toFixed(0)} s)`)
        for (const { spec, reason } of exclusions) print(`  excluded: ${spec}: ${reason}`)
        for (const { spec, message } of run.failed) if (!excluded.has(spec)) print(`  failed:   ${spec}: ${message.split('\n')[0] ?? ''}`)
        for (const spec of stale) print(`  excluded but passes: ${spec}`)
        if (unexpected.length > 0 || stale.length > 0) process.exitCode = 1
      }
      if (!options.onlyFallback) {
        const run = await runSpecs(false)
        result.onnxAlone = run
        const total = run.passed + run.failed.length
        print(`on ONNX alone: ${run.passed} of ${total} passed (${(100 * run.passed / total).toFixed(1)}%), ${run.seconds.toFixed(0)} s`)
        print(`kernels without a lowering (${result.withoutLowering.length}): ${result.withoutLowering.join(', ')}`)
      }
      const judged = result.fallback
      const counts = {
        passed: judged?.passed ?? 0, failed: (judged?.unexpected.length ?? 0) + (judged?.stale.length ?? 0), skipped: judged ? judged.pending + exclusions.length : 0,
        failures: [...judged?.unexpected ?? [], ...(judged?.stale ?? []).map((spec) => `excluded but passes: ${spec}`)],
        notRun: judged ? exclusions.map(({ spec, reason }) => `${spec}: ${reason}`) : [],
      }
      if (options.json) print(JSON.stringify({ ...counts, ...result }))
    })
}

const print = (line: string): void => { process.stdout.write(line + '\n') }

async function runSpecs(fallback: boolean): Promise<SpecRun> {
  const bundle = await bundleSpecs(root, stateFolder, fallback)
  const file = path.join(stateFolder, 'cache', `conformance-${fallback}.json`)
  rmSync(file, { force: true })
  const child = spawn(process.execPath, [path.join(__dirname, '..', 'conformance', 'child.js'), bundle, file], { stdio: 'ignore' })
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SpecRun
  } catch (cause) {
    throw new WhetstoneError('CONFORMANCE_CRASH', 'The run of the specs ended before its result', {
      got: `exit code ${String(code)}`, fix: `run node ${path.join('dist', 'cli', 'conformance', 'child.js')} ${bundle} ${file} to see why`, cause,
    })
  }
}
