// The kernelspec: the file by which Jupyter, nbclient and VS Code find the kernel and know how to start it.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { KernelError } from './errors'

/** The name in a notebook's `metadata.kernelspec`. */
export const KERNEL_NAME = 'whetstone'

export interface KernelSpec {
  readonly argv: readonly string[]
  readonly display_name: string
  readonly language: 'typescript'
  readonly interrupt_mode: 'message'
  readonly env: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, unknown>>
}

/** The project's folder: the nearest above this file whose package is ours. */
export function projectRoot(): string {
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json')
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'whetstone') return folder
    if (folder === path.dirname(folder)) {
      throw new KernelError('KERNEL_START', `No project folder lies above ${__dirname}`, 'start the kernel from a clone of the project')
    }
  }
}

/**
 * The command that starts the kernel, with absolute paths: nothing needs to be on Jupyter's PATH.
 *
 * @throws KernelError `KERNEL_START` when the library has not been built
 */
export function kernelArgv(root: string = projectRoot()): string[] {
  const main = path.join(root, 'dist', 'kernel', 'main.js')
  if (!existsSync(main)) {
    throw new KernelError('KERNEL_START', `The kernel has not been built: ${main} is missing`, 'run npm run build')
  }
  return [process.execPath, main, '--config-path', '{connection_file}']
}

export function kernelSpec(root?: string): KernelSpec {
  return {
    argv: kernelArgv(root),
    display_name: 'TypeScript (Whetstone)',
    language: 'typescript',
    // An interrupt comes as a message: a signal would not reach a process that Jupyter did not start itself.
    interrupt_mode: 'message',
    env: {},
    metadata: { debugger: false },
  }
}

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<path d="M6 44 50 14l8 8-44 30z" fill="#3178c6"/><path d="M6 44l8 8 44-30v4L14 56l-8-8z" fill="#1f4f86"/></svg>
`

/** Writes a file so that a reader sees the old one or the new one, never half of it. */
function replaceFile(file: string, text: string): void {
  const part = `${file}.${process.pid}.part`
  writeFileSync(part, text)
  renameSync(part, file)
}

/**
 * Writes the kernelspec below a Python environment (or any Jupyter prefix), as `jupyter kernelspec install` would.
 *
 * @param prefix for example the project's `.venv`
 * @returns the folder written, `<prefix>/share/jupyter/kernels/whetstone`
 */
export function installKernelSpec(prefix: string, root?: string): string {
  const folder = path.join(prefix, 'share', 'jupyter', 'kernels', KERNEL_NAME)
  mkdirSync(folder, { recursive: true })
  replaceFile(path.join(folder, 'logo-svg.svg'), LOGO)
  replaceFile(path.join(folder, 'kernel.json'), JSON.stringify(kernelSpec(root), undefined, 2) + '\n')
  return folder
}
