// Runs notebooks on the real kernel, one kernel a notebook, and says what failed where.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { exerciseFiles, solutionText } from '../../course/exercises'
import { projectAt } from '../../course/project'
import { messageOf } from '../../core'
import { kernelArgv, startKernel, type Kernel, type Output } from '../../kernel'
import { NotebookError } from '../../notebook/errors'
import { formatNotebook, parseNotebook, readNotebook, type NotebookCell } from '../../notebook/format'
import { isJsonObject, type Json } from '../../notebook/format/json'
import { root } from '../root'
import { watchMemory } from './memory'

/** What `runNotebook` is asked for. */
export interface RunOptions {
  /** Put the solution of each exercise in the place of its stub. */
  readonly solved: boolean
  /** Milliseconds that one cell may take. */
  readonly timeout: number
  /** Called when a cell is about to run, from 0. */
  readonly onCell?: (index: number, total: number) => void
  readonly signal?: AbortSignal
  /** What to run in the place of the file's own text. */
  readonly instead?: string | undefined
  /** Where the notebook is written as it ran, outputs and all; the file itself is left alone. */
  readonly out?: string | undefined
}

/** How a notebook went. */
export interface RunResult {
  readonly file: string
  readonly seconds: number
  /** Resident memory of the kernel and what it started, at its highest; undefined where it cannot be read. */
  readonly peakBytes: number | undefined
  readonly cells: number
  readonly checks: number
  /** What each cell took, in order. */
  readonly times: readonly { readonly cell: number, readonly id?: string, readonly seconds: number }[]
  readonly failure?: CellFailure
}

/** Where and why a notebook stopped. */
export interface CellFailure {
  /** From 1, among all cells; undefined when the kernel did not start. */
  readonly cell?: number
  readonly id?: string
  readonly message: string
  readonly source?: string
}

/** The bundle form of a check's result (course/display.ts). */
const CHECK = 'application/vnd.whetstone.check+json'

/** The solution of an exercise as a cell: the one place that knows where solutions are. */
function solutionCell(id: string): string {
  return solutionText(exerciseFiles(projectAt(root), id))
}

/** The exercise whose stub a cell is. */
export function exerciseOf(cell: NotebookCell): string | undefined {
  const own = cell.metadata['whetstone']
  const id = isJsonObject(own) ? own['exercise'] : undefined
  return typeof id === 'string' ? id : undefined
}

/** Cells that show an error on purpose carry Jupyter's tag for it. */
const mayFail = (cell: NotebookCell): boolean => {
  const { tags } = cell.metadata
  return Array.isArray(tags) && tags.includes('raises-exception')
}

/**
 * Runs all code cells in order, until one fails. The learner's journal is left alone.
 *
 * @throws NotebookError when the file is not a notebook
 */
export async function runNotebook(file: string, options: RunOptions): Promise<RunResult> {
  const notebook = options.instead === undefined ? readNotebook(file) : parseNotebook(options.instead, file)
  const code = notebook.cells.flatMap((cell, i) => (cell.type === 'code' && cell.source.trim() !== '' ? [{ cell, number: i + 1 }] : []))
  const state = mkdtempSync(path.join(os.tmpdir(), 'whetstone-run-'))
  const began = Date.now()
  let kernel: Kernel | undefined
  let memory: { stop(): number | undefined } | undefined
  let checks = 0
  const times: RunResult['times'][number][] = []
  const ran = new Map<NotebookCell, NotebookCell>()
  let failure: CellFailure | undefined
  /** The cell that runs, for failures of the kernel itself: a timeout, its death. */
  let running: Omit<CellFailure, 'message'> = {}
  const kill = (): void => void kernel?.kill()
  options.signal?.addEventListener('abort', kill)
  try {
    kernel = await startKernel({
      argv: kernelArgv(root), cwd: path.dirname(file), env: { WHETSTONE_JOURNAL: path.join(state, 'journal.jsonl') },
    })
    if (kernel.pid !== undefined) memory = watchMemory(kernel.pid)
    for (const [index, { cell, number }] of code.entries()) {
      options.signal?.throwIfAborted()
      options.onCell?.(index, code.length)
      const source = sourceOf(cell, options.solved)
      running = { cell: number, ...cell.id === undefined ? {} : { id: cell.id }, source }
      const start = Date.now()
      const execution = await kernel.execute(source, { timeout: options.timeout, ...cell.id === undefined ? {} : { cellId: cell.id } })
      times.push({ cell: number, ...cell.id === undefined ? {} : { id: cell.id }, seconds: (Date.now() - start) / 1000 })
      // As the Jupyter protocol sent them, which is what nbformat keeps.
      ran.set(cell, { ...cell, source, outputs: execution.outputs as unknown as Json[], executionCount: index + 1 })
      checks += execution.outputs.filter((output) => checkPassed(output) !== undefined).length
      const message = execution.status === 'ok' ? failedCheck(execution.outputs, options.solved) : errorText(execution.outputs, execution.status)
      if (message === undefined || (execution.status === 'error' && mayFail(cell))) continue
      failure = { ...running, message }
      break
    }
  } catch (error) {
    if (error instanceof NotebookError) throw error
    failure = { ...running, message: messageOf(error) }
  } finally {
    options.signal?.removeEventListener('abort', kill)
  }
  const peakBytes = memory?.stop()
  await kernel?.shutdown()
  rmSync(state, { recursive: true, force: true })
  if (options.out !== undefined) {
    const place = path.relative(root, file)
    const copy = path.join(options.out, place.startsWith('..') || path.isAbsolute(place) ? path.basename(file) : place)
    mkdirSync(path.dirname(copy), { recursive: true })
    writeFileSync(copy, formatNotebook({ ...notebook, cells: notebook.cells.map((cell) => ran.get(cell) ?? cell) }))
  }
  return { file, seconds: (Date.now() - began) / 1000, peakBytes, cells: code.length, checks, times, ...failure === undefined ? {} : { failure } }
}

function sourceOf(cell: NotebookCell, solved: boolean): string {
  const exercise = exerciseOf(cell)
  return solved && exercise !== undefined ? solutionCell(exercise) : cell.source
}

/** Whether an output is the result of a check, and if so whether it passed. */
function checkPassed(output: Output): boolean | undefined {
  const report = 'data' in output ? output.data[CHECK] : undefined
  return typeof report === 'object' && report !== null && 'passed' in report ? report.passed === true : undefined
}

/** With the solutions in place every check must pass; on the stubs they are meant to fail. */
function failedCheck(outputs: readonly Output[], solved: boolean): string | undefined {
  if (!solved) return undefined
  const failed = outputs.find((output) => checkPassed(output) === false)
  if (failed === undefined || !('data' in failed)) return undefined
  const text = failed.data['text/plain']
  return `A check fails on the solution:\n${typeof text === 'string' ? text : ''}`
}

function errorText(outputs: readonly Output[], status: string): string {
  const error = outputs.find((output) => output.output_type === 'error')
  if (error?.output_type !== 'error') return `The kernel answered "${status}" without an error`
   
  const trace = error.traceback.join('\n').replace(/\u001b\[[0-9;]*m/g, '')
  return trace.includes(error.evalue) && trace !== '' ? trace : `${error.ename}: ${error.evalue}\n${trace}`
}
