// What we rely on inside tslab 1.0.22, checked before anything is patched: another version, or a missing place, is an
// error that names it instead of a kernel that misbehaves later.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Converter, ConverterOptions, IsCompleteResult } from 'tslab/dist/converter'
import type { ConsoleInterface, ConverterSet, Executor } from 'tslab/dist/executor'
import type { CodeMetadata } from 'tslab/dist/metadata'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import { KernelError } from './errors'

export const TSLAB_VERSION = '1.0.22'
export const TYPESCRIPT_VERSION = '5.0.4'

export type TS = typeof TypeScript

/** The modules of tslab that we use, by the functions that we use. */
export interface Tslab {
  readonly converter: {
    createConverter(options?: ConverterOptions): Converter
    isCompleteCode(content: string): IsCompleteResult
  }
  readonly executor: {
    createExecutor(rootDir: string, converters: ConverterSet, console: ConsoleInterface): Executor
    createRequire(rootDir: string): NodeJS.Require
  }
  readonly metadata: { getCodeMetadata(source: string): CodeMetadata }
  readonly inspect: { printQuickInfo(info: TypeScript.QuickInfo): string }
  readonly jupyter: { lastWriteDisplayData: ((content: DisplayContent, update?: boolean) => void) | null }
}

export interface DisplayContent {
  readonly data: Record<string, unknown>
  readonly metadata: Record<string, unknown>
  readonly transient?: { readonly display_id?: string | undefined }
}

const ours = createRequire(__filename)

/** The folder of the installed tslab. */
export function tslabFolder(): string {
  try {
    return path.dirname(ours.resolve('tslab/package.json'))
  } catch (error) {
    throw new KernelError('KERNEL_VERSION', 'The package tslab is not installed', 'run npm start, which installs it', error)
  }
}

/** Resolves and loads as tslab itself would. */
export function tslabRequire(): NodeJS.Require {
  return createRequire(path.join(tslabFolder(), 'dist', 'main.js'))
}

/** @throws KernelError `KERNEL_VERSION` unless the installed tslab is the pinned one */
export function verifyVersion(folder: string = tslabFolder()): void {
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version?: string }
  if (version !== TSLAB_VERSION) {
    throw new KernelError('KERNEL_VERSION', `The kernel is made for tslab ${TSLAB_VERSION}, and ${version ?? 'another'} is installed`,
      'run npm start, which installs the locked version')
  }
}

/** @throws KernelError `KERNEL_SEAM` naming the first of `names` that is not a function of `holder` */
export function verifySeams(module: string, holder: object, names: readonly string[]): void {
  for (const name of names) {
    if (typeof (holder as Record<string, unknown>)[name] !== 'function') {
      throw new KernelError('KERNEL_SEAM', `${module} has no function ${name}, which the kernel patches or calls`,
        'install the locked packages again (npm ci)')
    }
  }
}

/** Loads the modules of tslab, which must come after TypeScript was mended (typescript.ts). */
export function loadTslab(): Tslab {
  const load = tslabRequire() as (id: string) => unknown
  const tslab = {
    converter: load('./converter'), executor: load('./executor'), metadata: load('./metadata'),
    inspect: load('./inspect'), jupyter: load('./jupyter'),
  } as Tslab
  verifySeams('tslab/dist/converter', tslab.converter, ['createConverter', 'isCompleteCode'])
  verifySeams('tslab/dist/executor', tslab.executor, ['createExecutor', 'createRequire'])
  verifySeams('tslab/dist/metadata', tslab.metadata, ['getCodeMetadata'])
  verifySeams('tslab/dist/inspect', tslab.inspect, ['printQuickInfo'])
  if (!('lastWriteDisplayData' in tslab.jupyter)) {
    throw new KernelError('KERNEL_SEAM', 'tslab/dist/jupyter has no lastWriteDisplayData, through which tslab.display writes')
  }
  return tslab
}
