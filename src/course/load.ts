// Loads the TypeScript of exercises, checks and solutions into this process: transpiled (types are stripped, not
// checked), cached by content, and bound to the library that is already running. Not for learners' code.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import vm from 'node:vm'
import { messageOf, sha256, WhetstoneError } from '../core'

/** Bumped when the output of `transpile` changes for the same input. */
const CACHE_VERSION = '1'

/** Modules that files may import although Node cannot `require` them, by specifier. */
export type Preloaded = Readonly<Record<string, unknown>>

/** Loads modules of the course. One loader sees one state of the files: make a fresh one to see edits. */
export class CourseLoader {
  private readonly modules = new Map<string, { exports: Record<string, unknown> }>()

  /**
   * @param cache folder for transpiled files
   * @param preloaded what `import … from 'vitest'` and the like give
   */
  constructor(
    readonly cache: string,
    readonly preloaded: Preloaded = {},
  ) {}

  /**
   * The exports of a TypeScript file.
   *
   * @throws WhetstoneError `COURSE_LOAD` when the file or something it imports does not load
   */
  load(file: string): Record<string, unknown> {
    const known = this.modules.get(file)
    if (known) return known.exports
    const module = { exports: {} }
    this.modules.set(file, module)
    try {
      const code = transpiled(file, this.cache)
      const run = vm.compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], {
        filename: file, importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      }) as (...scope: unknown[]) => void
      run(module.exports, this.requireFrom(file), module, file, path.dirname(file))
    } catch (cause) {
      this.modules.delete(file)
      if (cause instanceof WhetstoneError) throw cause
      throw new WhetstoneError('COURSE_LOAD', 'A file of the course does not load', { got: messageOf(cause), where: file, cause })
    }
    return module.exports
  }

  private requireFrom(file: string): (specifier: string) => unknown {
    const nodeRequire = createRequire(file)
    return (specifier) => {
      if (Object.hasOwn(this.preloaded, specifier)) return this.preloaded[specifier]
      // The library that runs the check, not a second copy: both sides must share the recorder of calls.
      if (specifier === 'whetstone') return createRequire(__filename)(path.resolve(__dirname, '..', 'index.js')) as unknown
      const typescript = specifier.startsWith('.') ? path.resolve(path.dirname(file), specifier) + '.ts' : undefined
      return typescript && existsSync(typescript) ? this.load(typescript) : (nodeRequire(specifier) as unknown)
    }
  }
}

/** CommonJS of a TypeScript file, from the cache when its content is known. TypeScript itself loads only on a miss. */
export function transpiled(file: string, cache: string): string {
  const source = readFileSync(file, 'utf8')
  const entry = path.join(cache, 'checks', sha256(`${CACHE_VERSION}\n${source}`).slice(0, 32) + '.cjs')
  if (existsSync(entry)) return readFileSync(entry, 'utf8')
  const code = transpile(source, file)
  mkdirSync(path.dirname(entry), { recursive: true })
  const temporary = `${entry}.${process.pid}`
  writeFileSync(temporary, code)
  renameSync(temporary, entry)
  return code
}

/** Loaded late: TypeScript takes longer to load than all checks of an exercise take to run. */
export function typescript(): typeof import('typescript') {
  return createRequire(__filename)('typescript') as typeof import('typescript')
}

function transpile(source: string, file: string): string {
  const ts = typescript()
  const { outputText, diagnostics } = ts.transpileModule(source, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, esModuleInterop: true },
  })
  const fault = diagnostics?.[0]
  if (fault) {
    const line = fault.file && fault.start !== undefined ? fault.file.getLineAndCharacterOfPosition(fault.start).line + 1 : 1
    throw new WhetstoneError('COURSE_SYNTAX', 'A file of the course is not TypeScript', {
      got: ts.flattenDiagnosticMessageText(fault.messageText, ' '), where: `${file}:${line}`,
    })
  }
  return outputText
}
