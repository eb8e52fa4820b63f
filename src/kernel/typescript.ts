// The compiler inside tslab, with our mends put between the two: tslab's converter gets a copy of TypeScript whose
// entry points for programs and transpiling are wrapped. One place patches; what each mend does is in its own file.
import Module from 'node:module'
import path from 'node:path'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import { guardAwaits } from './await-guard'
import { loadCached } from './code-cache'
import { KernelError } from './errors'
import { CELL_GLOBALS, mendTslabTypes } from './globals'
import { createResolver } from './module-resolution'
import { TYPESCRIPT_VERSION, tslabRequire, verifySeams, type TS } from './seams'
import { expandShorthand } from './shorthand'
import type { SourceMaps } from './source-map'
import { projectRoot } from './spec'

export interface MendedTypeScript {
  readonly ts: TS
  /** The folder that the next converter works in: the notebook's. */
  folder: string
  /** Whether a cell converted since the last reset has a `for await` outside of functions. */
  sawTopLevelForAwait(reset?: boolean): boolean
  /** The maps of the last conversion, from the JavaScript that runs back to the cell. */
  readonly maps: SourceMaps
  /** Keeps V8's compiled form of the compiler for the next start. */
  saveCache(): void
}

const SEAMS = ['createWatchCompilerHost', 'createWatchProgram', 'transpileModule', 'visitEachChild', 'resolveModuleName',
  'createModuleResolutionCache', 'createEmitAndSemanticDiagnosticsBuilderProgram'] as const

let mended: MendedTypeScript | undefined
let topLevelForAwait = false

/** Files that do not change while a kernel runs: packages and declarations. Watching them costs start-up and polling. */
const isStable = (file: string): boolean => file.includes('/node_modules/') || file.endsWith('.d.ts') && !file.endsWith('/__prev__.d.ts')

const SOURCE_MAP_COMMENT = /\n?\/\/# sourceMappingURL=[^\n]*\s*$/

/**
 * Loads TypeScript as tslab will see it. Must be called before tslab's modules are loaded; later calls answer the same.
 *
 * @param cacheFolder where V8's code cache is kept
 * @throws KernelError `KERNEL_SEAM`, `KERNEL_VERSION`
 */
export function mendTypeScript(cacheFolder: string): MendedTypeScript {
  if (mended) return mended
  const filename = tslabRequire().resolve('@tslab/typescript-for-tslab')
  const cached = loadCached(filename, cacheFolder)
  // A flat copy: the module's own exports are getters that cannot be replaced.
  const real = cached.module.exports as TS
  const ts = { ...real } as { -readonly [Name in keyof TS]: TS[Name] }
  if (ts.version !== TYPESCRIPT_VERSION) {
    throw new KernelError('KERNEL_VERSION', `The kernel is made for TypeScript ${TYPESCRIPT_VERSION}, and ${ts.version} is inside tslab`)
  }
  verifySeams('@tslab/typescript-for-tslab', ts, SEAMS)

  const state: MendedTypeScript = {
    ts, folder: process.cwd(), maps: { toModule: undefined, toScript: undefined },
    sawTopLevelForAwait(reset = false) {
      if (reset) topLevelForAwait = false
      return topLevelForAwait
    },
    saveCache: () => cached.save(),
  }
  const system = Object.create(real.sys) as TypeScript.System
  system.getCurrentDirectory = () => state.folder
  ts.sys = system
  ts.createWatchCompilerHost = watchHost(real, state) as TS['createWatchCompilerHost']
  ts.createWatchProgram = ((host: TypeScript.WatchCompilerHostOfFilesAndCompilerOptions<TypeScript.BuilderProgram>) => {
    const watch = real.createWatchProgram(host)
    // tslab sets its own list of files when a cell defines a module; ours stays on it.
    const update = watch.updateRootFileNames.bind(watch)
    watch.updateRootFileNames = (files) => update([...files, globalsFile(state.folder)])
    return watch
  }) as TS['createWatchProgram']
  ts.transpileModule = (input, options) => {
    const output = real.transpileModule(input, { ...options, compilerOptions: { ...options.compilerOptions, sourceMap: true } })
    state.maps.toScript = output.sourceMapText
    return { ...output, outputText: output.outputText.replace(SOURCE_MAP_COMMENT, '\n') }
  }
  cached.module.exports = ts
  const modules = Module as unknown as { _cache: Record<string, NodeJS.Module> }
  modules._cache[filename] = cached.module
  return (mended = state)
}

const posix = (file: string): string => file.replaceAll('\\', '/')
const globalsFile = (folder: string): string => path.posix.join(posix(folder), '__whetstone__.d.ts')

function watchHost(real: TS, state: MendedTypeScript) {
  return (
    files: string[], options: TypeScript.CompilerOptions, tslabSystem: TypeScript.System, _create: unknown,
    report: TypeScript.DiagnosticReporter, status: TypeScript.WatchStatusReporter,
  ) => {
    const globals = globalsFile(state.folder)
    const system = Object.create(tslabSystem) as TypeScript.System
    const unwatched: TypeScript.FileWatcher = { close: () => undefined }
    system.readFile = (file, encoding) => file === globals ? CELL_GLOBALS
      : mendTslabTypes(file, tslabSystem.readFile(file, encoding))
    system.fileExists = (file) => file === globals || tslabSystem.fileExists(file)
    system.watchFile = (file, callback, interval, watchOptions) =>
      isStable(file) || !tslabSystem.watchFile ? unwatched : tslabSystem.watchFile(file, callback, interval, watchOptions)
    system.watchDirectory = () => unwatched

    const create: TypeScript.CreateProgram<TypeScript.EmitAndSemanticDiagnosticsBuilderProgram> = (...args) =>
      mendEmit(real, state, real.createEmitAndSemanticDiagnosticsBuilderProgram(...args))
    // Fault 10: Node's types are found wherever the notebook lies.
    const typeRoots = [...(options.typeRoots ?? []), path.posix.join(posix(projectRoot()), 'node_modules', '@types')]
    // Of the ambient packages only Node's belong in every cell; the others come with an import.
    const host = real.createWatchCompilerHost(
      [...files, globals], { ...options, sourceMap: true, types: ['node'], typeRoots }, system, create, report, status)
    const cells = new Set(files)
    host.resolveModuleNameLiterals = createResolver(real, host, state.folder, path.posix.join(posix(projectRoot()), '__kernel__.ts'), (file) => cells.has(file))
    host.hasInvalidatedResolutions = () => false
    return host
  }
}

function mendEmit(
  ts: TS, state: MendedTypeScript, builder: TypeScript.EmitAndSemanticDiagnosticsBuilderProgram,
): TypeScript.EmitAndSemanticDiagnosticsBuilderProgram {
  const emit = builder.emit.bind(builder)
  builder.emit = (file, write, cancel, declarationsOnly, transformers) => {
    const checker = builder.getProgram().getTypeChecker()
    const before = [expandShorthand(ts, checker, (source) => source.fileName.endsWith('/__prev__.d.ts')), guardAwaits(ts, () => { topLevelForAwait = true })]
    return emit(file, (name, text, ...rest) => {
      if (name.endsWith('/__tslab__.js.map')) state.maps.toModule = text
      else if (!name.endsWith('.map')) write?.(name, text.replace(SOURCE_MAP_COMMENT, '\n'), ...rest)
    }, cancel, declarationsOnly, { ...transformers, before: [...(transformers?.before ?? []), ...before] })
  }
  return builder
}
