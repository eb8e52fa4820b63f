// Fault 9, the compiler's half: types of packages that name them only in their `exports` map, as packages made of ES
// modules do. tslab resolves as Node 10 did; what that does not find is looked up as a bundler would, and then in the
// project that the kernel belongs to, so that a notebook outside of it finds `whetstone` too.
import { isBuiltin } from 'node:module'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { TS } from './seams'

type Literals = NonNullable<TypeScript.CompilerHost['resolveModuleNameLiterals']>

const hasTypes = ({ resolvedModule }: TypeScript.ResolvedModuleWithFailedLookupLocations): boolean =>
  resolvedModule !== undefined && !/\.[cm]?jsx?$/.test(resolvedModule.resolvedFileName)

/**
 * The module resolution of the kernel.
 *
 * @param projectFile any name in the root of the kernel's own project
 * @param isCell whether a file is a cell: their imports are looked up anew each time, so that a file or package that
 * was added meanwhile is found
 */
export function createResolver(
  ts: TS, host: TypeScript.ModuleResolutionHost, folder: string, projectFile: string, isCell: (file: string) => boolean,
): Literals {
  const cache = ts.createModuleResolutionCache(folder, (name) => name)
  const byExportsCache = ts.createModuleResolutionCache(folder, (name) => name)
  return (literals, containingFile, redirected, options) => literals.map(({ text }) => {
    const kept = isCell(containingFile) ? undefined : cache
    const plain = ts.resolveModuleName(text, containingFile, options, host, kept, redirected)
    if (hasTypes(plain)) return plain
    if (text.startsWith('.') || text.startsWith('/') || isBuiltin(text)) return plain
    const byExports = ts.resolveModuleName(text, containingFile,
      { ...options, moduleResolution: ts.ModuleResolutionKind.Bundler }, host, kept && byExportsCache, redirected)
    if (hasTypes(byExports)) return byExports
    if (plain.resolvedModule) return plain
    const fromProject = ts.resolveModuleName(text, projectFile, options, host, kept, redirected)
    return fromProject.resolvedModule ? fromProject : plain
  })
}
