// `npm run conformance`: TensorFlow.js core's own specs against the backend onnx, then again with the CPU fallback off.
// `npm run conformance -- pytorch`: the samples of PyTorch's own database of operators, converted and compared.
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { WhetstoneError } from '../../core'
import { isFallback, table } from '../../engine/table'
import { bundleSpecs } from '../conformance/bundle'
import type { SpecRun } from '../conformance/child'
import { exclusions } from '../conformance/exclusions'
import { sweepPage, sweepPytorch } from '../conformance/pytorch'
import { root, stateFolder } from '../root'

export function register(program: Command): void {
  program.command('conformance')
    .description("others' own tests on our code: TensorFlow.js core's specs on the backend onnx, PyTorch's database of operators on the converter")
    .argument('[suite]', 'tensorflow (default) or pytorch')
    .argument('[operators...]', 'pytorch: only these entries of its database')
    .option('--no-fallback', 'only the second run: CPU fallback switched off (it reports and fails nothing)')
    .option('--only-fallback', 'only the first run, with the fallback on')
    .option('--samples <count>', 'pytorch: how many of each entry', '6')
    .option('--dtype <types>', 'pytorch: element types of the samples, also float16', 'float32,int64,bool')
    .option('--opset <version>', 'pytorch: version of the operator set to convert to', '21')
    .option('--fresh', 'pytorch: export again instead of using the archives of an earlier run')
    .option('--record', 'pytorch: write the result into docs/convert.md')
    .option('--json', 'end with one JSON object')
    .action(async (suite: string | undefined, operators: string[], options: Options) => {
      if (suite === 'pytorch') {
        await pytorch(operators, options)
        return
      }
      if (suite !== undefined && suite !== 'tensorflow') {
        throw new WhetstoneError('CONFORMANCE_UNKNOWN', `There is no suite "${suite}"`, { expected: 'tensorflow, pytorch' })
      }
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

interface Options {
  readonly fallback: boolean
  readonly onlyFallback?: boolean
  readonly samples: string
  readonly dtype: string
  readonly opset: string
  readonly fresh?: boolean
  readonly record?: boolean
  readonly json?: boolean
}

async function pytorch(operators: readonly string[], options: Options): Promise<void> {
  const sweep = await sweepPytorch({
    root, stateFolder, operators, samples: Number(options.samples), dtypes: options.dtype.split(','), opset: Number(options.opset), fresh: options.fresh ?? false, note: (line) => { process.stderr.write(`${line}\n`) },
  })
  print(sweepPage(sweep))
  if (options.record === true) {
    if (options.opset !== '21' || options.dtype !== 'float32,int64,bool' || operators.length > 0) {
      throw new WhetstoneError('CONFORMANCE_RECORD', 'Only the whole sweep is recorded', { fix: 'leave out --opset, --dtype and the names of operators' })
    }
    record(sweepPage(sweep))
  }
  for (const { case: name, outcome, detail } of sweep.faults) print(`  failed:   ${name} ${outcome}: ${detail ?? ''}`)
  for (const pattern of sweep.stale) print(`  excluded, but nothing needs it: ${pattern}`)
  if (sweep.faults.length + sweep.stale.length > 0) process.exitCode = 1
  const counts = {
    passed: sweep.cases.equal, failed: sweep.faults.length + sweep.stale.length,
    skipped: sweep.cases.refused + sweep.cases.skipped + sweep.excluded.length,
    failures: sweep.faults.map(({ case: name, outcome, detail }) => `${name} ${outcome}: ${detail ?? ''}`),
    notRun: Object.entries(sweep.reasons).map(([reason, count]) => `${count} samples: ${reason}`),
  }
  if (options.json) print(JSON.stringify({ ...counts, ...sweep }))
}

/** Into the page of the converter, between its marks. */
function record(result: string): void {
  const file = path.join(root, 'docs', 'convert.md')
  const page = readFileSync(file, 'utf8')
  const [begin, end] = [/<!-- sweep: PyTorch;[^>]*-->\n/.exec(page), page.indexOf('<!-- end of sweep: PyTorch -->')]
  if (begin === null || end < begin.index) throw new WhetstoneError('CONFORMANCE_RECORD', 'The page has no place for the result', { where: file, expected: 'the two marks of the sweep' })
  writeFileSync(file, page.slice(0, begin.index + begin[0].length) + result + page.slice(end))
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
