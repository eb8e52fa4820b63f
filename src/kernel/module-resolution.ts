// Fault 9, the compiler's half: types of packages that name them only in their `exports` map, as packages made of ES
// modules do. tslab resolves as Node 10 did; what that does not find is looked up as a bundler would.
import { isBuiltin } from 'node:module'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { TS } from './seams'

type Literals = NonNullable<TypeScript.CompilerHost['resolveModuleNameLiterals']>

/**
 * The module resolution of the kernel.
 *
 * @param isCell whether a file is a cell: their imports are looked up anew each time, so that a file or package that
 * was added meanwhile is found
 */
export function createResolver(
  ts: TS, host: TypeScript.ModuleResolutionHost, folder: string, isCell: (file: string) => boolean,
): Literals {
  const cache = ts.createModuleResolutionCache(folder, (name) => name)
  const byExportsCache = ts.createModuleResolutionCache(folder, (name) => name)
  return (literals, containingFile, redirected, options) => literals.map(({ text }) => {
    const kept = isCell(containingFile) ? undefined : cache
    const plain = ts.resolveModuleName(text, containingFile, options, host, kept, redirected)
    if (plain.resolvedModule && !/\.[cm]?jsx?$/.test(plain.resolvedModule.resolvedFileName)) return plain
    if (text.startsWith('.') || text.startsWith('/') || isBuiltin(text)) return plain
    const byExports = ts.resolveModuleName(text, containingFile,
      { ...options, moduleResolution: ts.ModuleResolutionKind.Bundler }, host, kept && byExportsCache, redirected)
    const found = byExports.resolvedModule
    return found && !/\.[cm]?jsx?$/.test(found.resolvedFileName) ? byExports : plain
  })
}
