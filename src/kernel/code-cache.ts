// Loads one big CommonJS file with V8's code cache, so that the compiler is not compiled at every start.
// Node's own module.enableCompileCache does not exist in Node 20. Not for files that change.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import path from 'node:path'
import vm from 'node:vm'

export interface CachedModule {
  readonly module: NodeJS.Module
  /** Writes the cache, functions compiled so far included, when there was none. Never throws. */
  save(): void
}

const DIGEST = 32

/** The cached data when the file is whole: V8 itself does not notice a damaged one. */
function read(file: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file)
    const data = bytes.subarray(DIGEST)
    return createHash('sha256').update(data).digest().equals(bytes.subarray(0, DIGEST)) ? data : undefined
  } catch {
    return undefined
  }
}

/** Loads `filename` as a CommonJS module; `folder` holds the caches and may be missing or read-only. */
export function loadCached(filename: string, folder: string): CachedModule {
  const source = readFileSync(filename, 'utf8')
  const key = createHash('sha256').update(`${filename}\0${process.version}\0${process.arch}\0${source.length}`).digest('hex').slice(0, 16)
  const file = path.join(folder, `${path.basename(filename, '.js')}-${key}.v8`)
  const cachedData = read(file)
  const script = new vm.Script(Module.wrap(source), cachedData ? { filename, cachedData } : { filename })
  const module = new Module(filename)
  module.filename = filename
  const run = script.runInThisContext() as (...args: unknown[]) => void
  run.call(module.exports, module.exports, createRequire(filename), module, filename, path.dirname(filename))
  module.loaded = true
  return {
    module,
    save() {
      if (cachedData && !script.cachedDataRejected) return
      try {
        const data = script.createCachedData()
        mkdirSync(folder, { recursive: true })
        const part = `${file}.${process.pid}`
        writeFileSync(part, Buffer.concat([createHash('sha256').update(data).digest(), data]))
        renameSync(part, file)
      } catch {
        // A read-only or full disk only means a slower start.
      }
    },
  }
}
