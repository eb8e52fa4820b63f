// Fault 9, the run-time half: packages that are ES modules only. Node's require() loads most of them; those with a
// top-level `await`, or with nothing but an `import` entry, are imported natively before the cell runs.
import { createRequire } from 'node:module'
import path from 'node:path'
import vm from 'node:vm'
import type { TS } from './seams'

const NEEDS_IMPORT = new Set(['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE', 'ERR_PACKAGE_PATH_NOT_EXPORTED'])

/** Whether it is `name` itself that was not found, and not something that it requires. */
const isMissing = (error: unknown, name: string): boolean =>
  (error as NodeJS.ErrnoException | null)?.code === 'MODULE_NOT_FOUND' && (error as Error).message.includes(`'${name}'`)

const needsImport = (error: unknown): boolean => NEEDS_IMPORT.has((error as NodeJS.ErrnoException | null)?.code ?? '')

/** `require` for cells, which also knows the modules that had to be imported. */
export class ModuleLoader {
  private readonly imported = new Map<string, unknown>()
  private readonly nativeImport: (specifier: string) => Promise<unknown>
  private readonly inner: NodeJS.Require
  /** Given to cells in the place of tslab's. */
  readonly require: NodeJS.Require

  /**
   * @param folder the notebook's folder, from which names are resolved
   * @param project where a package is looked for that is not found from there
   */
  constructor(inner: NodeJS.Require, folder: string, project: string) {
    const fromProject = createRequire(path.join(project, '__kernel__.js'))
    this.inner = Object.assign((name: string): unknown => {
      try {
        return inner(name) as unknown
      } catch (error) {
        if (name.startsWith('.') || path.isAbsolute(name) || !isMissing(error, name)) throw error
        return fromProject(name) as unknown
      }
    }, inner)
    this.nativeImport = vm.runInThisContext('(specifier) => import(specifier)', {
      filename: path.join(folder, '__cell__.js'),
      importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }) as (specifier: string) => Promise<unknown>
    this.require = Object.assign((name: string): unknown =>
      this.imported.has(name) ? this.imported.get(name) : this.inner(name) as unknown, inner)
  }

  /** Loads what a cell imports and `require` cannot load. What fails here fails in the cell, with its line. */
  async prepare(ts: TS, code: string): Promise<void> {
    if (!/\b(?:import|require)\b/.test(code)) return
    for (const { fileName } of ts.preProcessFile(code, true, true).importedFiles) {
      if (fileName.startsWith('.') || this.imported.has(fileName)) continue
      try {
        this.inner.resolve(fileName)
        if (!this.isModule(fileName)) continue
        this.inner(fileName)
      } catch (error) {
        if (!needsImport(error)) continue
        const namespace = await this.nativeImport(fileName).catch(() => undefined) as object | undefined
        // The mark tells the compiled import that `default` is a member like others.
        if (namespace) this.imported.set(fileName, Object.assign(Object.create(null), namespace, { __esModule: true }))
      }
    }
  }

  /** Only ES modules are loaded early: the side effects of others belong into the cell. */
  private isModule(name: string): boolean {
    const file = this.inner.resolve(name)
    if (file.endsWith('.mjs')) return true
    if (!file.endsWith('.js')) return false
    for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
      try {
        return (this.inner(path.join(folder, 'package.json')) as { type?: string }).type === 'module'
      } catch {
        if (folder === path.dirname(folder)) return false
      }
    }
  }
}
