// `npm run bench -- kernel`: our kernel beside plain tslab and ipykernel, through the same client, in the same run.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Case, type Contestant, type Row, type Target } from '../../benchmarks'
import { kernelArgv, startKernel, type Execution, type Kernel } from '../../kernel'

interface Subject {
  readonly name: string
  readonly missing?: string
  readonly argv: readonly string[]
  readonly interruptMode: 'message' | 'signal'
  readonly cell: (n: number) => string
  /** Prints so many lines, from number `first`: another source each time, as no cell is sent twice unchanged. */
  readonly print: (lines: number, first?: number) => string
  readonly member: string
}

const LINES = 100_000
/** Milliseconds after which a cell that prints counts as hung. */
const HUNG = 15_000

function findPython(root: string): string | undefined {
  return [path.join(root, '.venv', 'bin', 'python'), process.env['WHETSTONE_PYTHON']].find((python) => {
    if (python === undefined || !existsSync(python)) return false
    try {
      execFileSync(python, ['-c', 'import ipykernel'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}

function subjects(root: string): Subject[] {
  const typescript = {
    cell: (n: number) => `const v${n % 10} = [${n}, 1].map((x) => x + 1); v${n % 10}.length`,
    print: (lines: number, first = 0) => `for (let i = ${first}; i < ${first + lines}; i++) console.log('line ' + i)`,
    member: 'Math.',
  }
  const python = findPython(root)
  return [
    {
      name: 'plain tslab', ...typescript, interruptMode: 'signal',
      argv: [process.execPath, path.join(root, 'node_modules', 'tslab', 'bin', 'tslab'), 'kernel', '--config-path', '{connection_file}'],
    },
    { name: 'whetstone', ...typescript, interruptMode: 'message', argv: kernelArgv(root) },
    {
      name: 'ipykernel', interruptMode: 'signal', argv: [python ?? 'python3', '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
      ...(python === undefined ? { missing: 'no Python with ipykernel: run npm start, or set WHETSTONE_PYTHON' } : {}),
      cell: (n) => `v${n % 10} = [x + 1 for x in [${n}, 1]]; len(v${n % 10})`,
      print: (lines, first = 0) => `for i in range(${first}, ${first + lines}): print('line ' + str(i))`,
      member: 'str.',
    },
  ]
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Whole lines among the outputs so far. */
function countLines(outputs: Execution['outputs']): number {
  let count = 0
  for (const output of outputs) if (output.output_type === 'stream') count += output.text.split('\n').length - 1
  return count
}

export const suite: BenchSuite = {
  name: 'kernel',
  description: 'start, cell, completion and output of the notebook kernel, beside plain tslab and ipykernel',
  run: (context) => measure(context),
  targets,
}

async function measure(context: BenchContext): Promise<void> {
  const all = subjects(context.root)
  const cwd = path.join(context.root, '.whetstone', 'bench', 'kernel')
  mkdirSync(cwd, { recursive: true })
  const start = ({ argv, interruptMode }: Subject): Promise<Kernel> => startKernel({ argv, interruptMode, cwd })
  const fresh = (work: (kernel: Kernel, subject: Subject) => Promise<number>) => (subject: Subject): Contestant => ({
    name: subject.name, ...(subject.missing === undefined ? {} : { missing: subject.missing }),
    measure: async () => {
      const kernel = await start(subject)
      try {
        return await work(kernel, subject)
      } finally {
        await kernel.kill()
      }
    },
  })
  /** One kernel for all rounds of a case. */
  const kept = (work: (kernel: Kernel, subject: Subject, round: number) => Promise<number>) => (subject: Subject): Contestant => {
    let kernel: Kernel | undefined
    let round = 0
    return {
      name: subject.name, ...(subject.missing === undefined ? {} : { missing: subject.missing }),
      prepare: async () => {
        kernel = await start(subject)
        await kernel.execute(subject.cell(0))
      },
      measure: () => kernel ? work(kernel, subject, ++round) : Promise.reject(new Error('the kernel did not start')),
      close: () => kernel?.kill(),
    }
  }
  const cases: Case[] = [
    {
      name: 'start to the first cell\'s result', unit: 'ms', rounds: 7,
      contestants: all.map((subject): Contestant => ({
        name: subject.name, ...(subject.missing === undefined ? {} : { missing: subject.missing }),
        measure: async () => {
          let kernel: Kernel | undefined
          const milliseconds = await timed(async () => {
            kernel = await start(subject)
            await kernel.execute(subject.cell(0))
          })
          await kernel?.kill()
          return milliseconds
        },
      })),
    },
    {
      name: 'a cell', unit: 'ms', rounds: 30, warmup: 5,
      contestants: all.map(kept((kernel, subject, round) => timed(() => kernel.execute(subject.cell(round), { timeout: HUNG })))),
    },
    {
      name: 'a completion', unit: 'ms', rounds: 30, warmup: 5,
      contestants: all.map(kept((kernel, subject, round) => timed(() => kernel.complete(`${subject.cell(round)}; ${subject.member}`)))),
    },
    {
      name: 'a cell of 50 lines of output', unit: 'ms', rounds: 15, warmup: 2,
      contestants: all.map(kept((kernel, subject, round) => timed(() => kernel.execute(subject.print(50, round), { timeout: HUNG })))),
    },
    {
      name: `lines delivered of ${LINES.toLocaleString('en')}`, unit: 'lines', rounds: 3, warmup: 0, higherIsBetter: true,
      contestants: all.map(fresh(async (kernel, subject) => {
        let outputs: Execution['outputs'] = []
        const seen: { lines: number } = { lines: 0 }
        try {
          ({ outputs } = await kernel.execute(subject.print(LINES), {
            timeout: HUNG,
            onMessage: ({ content }) => { if (typeof content['text'] === 'string') seen.lines += content['text'].split('\n').length - 1 },
          }))
          return countLines(outputs)
        } catch {
          return seen.lines
        }
      })),
    },
    {
      name: `time for ${LINES.toLocaleString('en')} lines`, unit: 'ms', rounds: 5, warmup: 0,
      // Plain tslab never ends this cell: it has no time.
      contestants: all.filter(({ name }) => name !== 'plain tslab').map(kept((kernel, subject) => timed(() => kernel.execute(subject.print(LINES), { timeout: HUNG })))),
    },
  ]
  for (const one of cases) context.add(await compare(one, context))
}

function targets(rows: readonly Row[]): Target[] {
  const own = rows.filter((row) => row.contestant === 'whetstone')
  return own.map((row): Target => {
    if (row.unit === 'lines') {
      return { name: row.case, wanted: `${LINES}`, reached: String(row.median ?? row.missing), met: row.median === LINES }
    }
    const { ratio, interval } = row
    const reference = rows.find((other) => other.case === row.case)?.contestant ?? ''
    if (ratio === undefined || !interval || reference !== 'plain tslab') {
      return { name: row.case, wanted: 'delivered', reached: row.missing ?? `${(row.median ?? Number.NaN).toFixed(0)} ms`, met: row.missing === undefined }
    }
    // Slower only where the rounds support it: the whole interval above 1.
    return { name: row.case, wanted: 'no slower than plain tslab', reached: `× ${ratio.toFixed(2)} of its time`, met: interval[0] <= 1 }
  })
}
