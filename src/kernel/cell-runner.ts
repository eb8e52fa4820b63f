// Runs a cell with tslab's own executor. Everything that the executor would print is caught here instead: the value of
// the last expression, what was thrown, and what the type checker said.
import vm from 'node:vm'
import type { Converter, Diagnostic } from 'tslab/dist/converter'
import type { Executor } from 'tslab/dist/executor'
import { diagnosticsReply, thrownReply, type ErrorReply } from './error-reply'
import { ModuleLoader } from './esm'
import { PHASE, STATE, guardFunctions, type SharedState } from './interrupt'
import { loadTslab, verifySeams, type Tslab } from './seams'
import { positions } from './source-map'
import { projectRoot } from './spec'
import { CellFrames } from './stack-trace'
import type { MendedTypeScript } from './typescript'

export interface CellOutcome {
  readonly error?: ErrorReply
  /** The value of the last expression, when it has one. */
  readonly value?: { readonly value: unknown }
  /** The thing that was thrown, when the cell failed by throwing. */
  readonly thrown?: { readonly value: unknown }
}

/** What the executor said while it ran a cell. */
interface Caught {
  diagnostics: readonly Diagnostic[]
  value?: { value: unknown }
  thrown?: { value: unknown }
}

interface TslabGlobal extends Record<string, unknown> {
  require: NodeJS.Require
  exports: Record<string, unknown>
}

/** The executor with its seams in our hands. */
export class CellRunner {
  readonly tslab: Tslab
  private readonly executor: Executor
  private readonly loader: ModuleLoader
  private caught: Caught = { diagnostics: [] }
  /** What the cells so far have declared, as TypeScript. */
  private declarations = ''
  private fileName = ''
  private code = ''

  constructor(
    private readonly typescript: MendedTypeScript,
    private readonly state: SharedState,
    private readonly frames: CellFrames,
    private readonly inspectValue: (value: unknown) => string,
  ) {
    this.tslab = loadTslab()
    const node = this.watch(this.tslab.converter.createConverter({ isJS: false, isBrowser: false }))
    const converters = { node, get browser(): Converter { return node }, close: () => node.close() }
    this.executor = this.tslab.executor.createExecutor(typescript.folder, converters, {
      log: (value: unknown) => { this.caught.value = { value } },
      error: (value: unknown, ...rest: unknown[]) => {
        // Diagnostics come with a format and its values; they were kept when they were made.
        if (rest.length === 0) this.caught.thrown = { value }
      },
    })
    verifySeams('the executor of tslab', this.executor, ['execute', 'interrupt', 'inspect', 'complete', 'close'])
    const holder = (globalThis as unknown as { __tslab__: TslabGlobal }).__tslab__
    this.loader = new ModuleLoader(holder.require, typescript.folder, projectRoot())
    Object.assign(holder, guardFunctions(state), { require: this.loader.require })
    this.watchScripts()
  }

  /** Runs one cell; never rejects. */
  async run(code: string, count: number): Promise<CellOutcome> {
    const caught: Caught = { diagnostics: [] }
    this.caught = caught
    this.code = code
    this.fileName = CellFrames.fileName(count)
    const { fileName } = this
    let succeeded = false as boolean
    try {
      await this.loader.prepare(this.typescript.ts, code)
      Atomics.store(this.state, STATE.phase, PHASE.kernel)
      succeeded = await this.executor.execute(code)
    } catch (error) {
      // Not the learner's code but the conversion failed, for example on a file that it imports.
      caught.thrown = { value: error }
    } finally {
      Atomics.store(this.state, STATE.phase, PHASE.free)
    }
    const { diagnostics, thrown, value } = caught
    if (diagnostics.length > 0) return { error: diagnosticsReply(diagnostics, code, fileName) }
    if (thrown) return { thrown, error: this.describe(thrown.value) }
    if (!succeeded) return { error: { ename: 'Error', evalue: 'The cell failed', traceback: ['The cell failed'] } }
    return value ? { value } : {}
  }

  describe(thrown: unknown): ErrorReply {
    return thrownReply(thrown, (cell) => this.frames.source(cell), this.inspectValue)
  }

  /** Ends the running cell although its code goes on waiting. */
  giveUp(): void {
    this.executor.interrupt()
  }

  /** Runs the compiler for a question about code, which an interrupt must not tear. */
  ask<T>(question: (executor: Executor) => T): T {
    const before = Atomics.exchange(this.state, STATE.phase, PHASE.kernel)
    try {
      return question(this.executor)
    } finally {
      Atomics.store(this.state, STATE.phase, before)
    }
  }

  close(): void {
    this.executor.close()
  }

  private watch(converter: Converter): Converter {
    const keep = <T extends readonly Diagnostic[]>(diagnostics: T): T => {
      this.caught.diagnostics = diagnostics
      return diagnostics
    }
    return {
      ...converter,
      convert: (_previous, source) => {
        const { typescript } = this
        typescript.sawTopLevelForAwait(true)
        const converted = converter.convert(this.declarations, source)
        if (typescript.sawTopLevelForAwait()) converted.hasToplevelAwait = true
        keep(converted.diagnostics)
        const { maps } = this.typescript
        const lines = (converted.output ?? '').trimEnd().split('\n').length
        this.frames.add(this.fileName, { source: this.code, locate: positions({ ...maps }, lines) })
        // tslab forgets the names of a cell that throws; their values are there, so they stay.
        if (converted.diagnostics.length === 0) this.declarations = converted.declOutput ?? ''
        return converted
      },
      complete: (_previous, source, position) => converter.complete(this.declarations, source, position),
      inspect: (_previous, source, position) => converter.inspect(this.declarations, source, position),
      addModule: (name, content, meta) => keep(converter.addModule(name, content, meta)),
    }
  }

  /** Gives the script of a cell its name and lets a SIGINT end it. */
  private watchScripts(): void {
    const run = vm.runInThisContext
    vm.runInThisContext = (code, options) => {
      const isCell = typeof options === 'object' && options.breakOnSigint === true && code.includes('__tslab__.exports')
      if (!isCell) return run(code, options) as unknown
      Atomics.store(this.state, STATE.phase, PHASE.script)
      try {
        return run(code, { ...options, filename: this.fileName }) as unknown
      } finally {
        Atomics.store(this.state, STATE.phase, PHASE.free)
      }
    }
  }
}
