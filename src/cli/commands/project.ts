// `whetstone project optimized_model_pipeline`: a project's definition of done, measured line by line; with --reference of the
// reference implementation, which runs first.
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { course } from '../..'
import { WhetstoneError } from '../../core'
import { CourseLoader } from '../../course/load'
import { root } from '../root'
import { heldOut, python } from './evaluate'

interface Options {
  readonly reference?: boolean
  readonly rehearsal?: boolean
  readonly quick?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program.command('project')
    .description('measure the definition of done of a project, or of its reference implementation')
    .argument('<name>', 'the end of its id: optimized_model_pipeline')
    .option('--reference', 'run the reference implementation first, in .whetstone/projects, and measure that')
    .option('--rehearsal', 'the reference on the small digits: seconds, no promise of speed')
    .option('--quick', 'fewer rounds when models are timed: a look, not a measurement')
    .option('--json', 'end with one JSON object')
    .action(async (name: string, options: Options) => { await run(name, options) })
}

async function run(name: string, { reference, rehearsal, quick, json }: Options): Promise<void> {
  const own = course.projectAt(root)
  const { id, title } = course.projectNamed(name)
  const ofReference = (reference ?? false) || (rehearsal ?? false)
  const project = ofReference ? { ...own, notebooks: path.join(own.state, 'projects', rehearsal ? 'rehearsal' : 'reference') } : own
  const folder = path.join(project.notebooks, ...id.split('/'))
  const note = (text: string): void => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K  … ${text}`) }
  if (ofReference) {
    const file = path.join(own.solutions, ...id.split('/'), 'pipeline.ts')
    await makeReference(file, title, folder, rehearsal ? 'digits' : 'mnist', note)
  }
  const done = await course.definitionOfDone(project, id, { heldOut, python, note, quick: quick ?? false })
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
  process.stdout.write(`${String(done)}\nThe files: ${path.relative(root, folder)}\n`)
  if (ofReference && python('torch') === undefined) process.stdout.write('The three conversions need PyTorch, which is not installed here: set WHETSTONE_PYTHON to a Python that has it\n')
  if (json) process.stdout.write(`${JSON.stringify({ project: id, folder: path.relative(root, folder), lines: done.lines })}\n`)
  if (done.failed > 0) process.exitCode = 1
}

interface Reference {
  readonly runPipeline: (options: { folder: string; dataset: 'mnist' | 'digits'; python?: string; note: (line: string) => void }) => Promise<unknown>
}

async function makeReference(file: string, title: string, folder: string, dataset: 'mnist' | 'digits', note: (line: string) => void): Promise<void> {
  if (!existsSync(file)) {
    throw new WhetstoneError('PROJECT_REFERENCE', `The project "${title}" has no reference implementation here`, {
      where: file, fix: 'leave --reference out to measure your own work; a class\'s folder holds no solutions',
    })
  }
  mkdirSync(folder, { recursive: true })
  const { runPipeline } = new CourseLoader(course.projectAt(root).cache).load(file) as unknown as Reference
  const torch = python('torch')
  await runPipeline({ folder, dataset, note, ...(torch === undefined ? {} : { python: torch }) })
}
