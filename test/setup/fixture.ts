// A project of a few files that is set up by the real set-up code, in a folder whose name has spaces and other letters,
// so that every fault can be tried for real without installing the whole project.
import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const root = path.resolve(__dirname, '../..')

export interface Ended {
  readonly code: number | null
  readonly output: string
  /** The longest time without a line of output, in seconds. */
  readonly silence: number
}

export class Fixture {
  readonly folder: string = path.join(mkdtempSync(path.join(os.tmpdir(), 'whetstone-')), 'Übung & Prüfung')

  constructor() {
    mkdirSync(path.join(this.folder, 'src', 'cli'), { recursive: true })
    cpSync(path.join(root, 'src', 'cli', 'whetstone.cjs'), path.join(this.folder, 'src', 'cli', 'whetstone.cjs'))
    cpSync(path.join(root, 'src', 'cli', 'bootstrap'), path.join(this.folder, 'src', 'cli', 'bootstrap'), { recursive: true })
    for (const file of ['tsconfig.json', 'tsconfig.build.json']) cpSync(path.join(root, file), path.join(this.folder, file))
    const lock = { name: 'fixture', version: '1.0.0', lockfileVersion: 3, requires: true, packages: {
      '': { name: 'fixture', version: '1.0.0', dependencies: { picocolors: '1.1.1' } },
      'node_modules/picocolors': { version: '1.1.1', integrity: this.#integrity('picocolors') },
    } }
    this.write('package.json', JSON.stringify({ name: 'fixture', version: '1.0.0', dependencies: { picocolors: '1.1.1' } }))
    this.write('package-lock.json', JSON.stringify(lock))
    this.write('src/cli/main.ts', 'export async function main(argv: readonly string[]): Promise<void> { await Promise.resolve(); console.log(`ran ${argv[2] ?? ""}`) }\n')
    this.write('src/kernel/spec.ts', 'import { writeFileSync } from "node:fs"\nexport function installKernelSpec(prefix: string): void { writeFileSync(`${prefix}/spec`, "") }\n')
    this.link()
  }

  #integrity(name: string): string {
    const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { integrity: string }> }
    return lock.packages[`node_modules/${name}`]!.integrity
  }

  /** The packages as if installed: the real ones, linked. */
  link(): void {
    const modules = path.join(this.folder, 'node_modules')
    rmSync(modules, { recursive: true, force: true })
    mkdirSync(modules, { recursive: true })
    for (const name of ['typescript-native', '@typescript', '@types', 'picocolors', 'undici-types']) {
      symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
    }
    cpSync(path.join(this.folder, 'package-lock.json'), path.join(modules, '.package-lock.json'))
  }

  write(file: string, text: string, mode?: number): string {
    const place = path.join(this.folder, file)
    mkdirSync(path.dirname(place), { recursive: true })
    writeFileSync(place, text)
    if (mode !== undefined) chmodSync(place, mode)
    return place
  }

  /** A folder for PATH that holds node, sh and the given scripts, and nothing else. */
  programs(scripts: Record<string, string>): string {
    const folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'whetstone-bin-')))
    for (const name of ['node', 'sh']) symlinkSync(name === 'node' ? process.execPath : '/bin/sh', path.join(folder, name))
    for (const [name, body] of Object.entries(scripts)) {
      writeFileSync(path.join(folder, name), `#!/bin/sh\n${body}\n`)
      chmodSync(path.join(folder, name), 0o755)
    }
    return folder
  }

  start(command: string, env: Record<string, string | undefined> = {}): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(process.execPath, ['src/cli/whetstone.cjs', command], {
      cwd: this.folder, env: { ...process.env, npm_execpath: undefined, WHETSTONE_PYTHON: undefined, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = '', last = Date.now(), silence = 0
    const take = (chunk: Buffer): void => {
      silence = Math.max(silence, Date.now() - last)
      last = Date.now()
      output += chunk.toString()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, output, silence: silence / 1000 })))
    return { child, ended }
  }

  run(command: string, env: Record<string, string | undefined> = {}): Promise<Ended> {
    return this.start(command, env).ended
  }

  remove(): void {
    rmSync(path.dirname(this.folder), { recursive: true, force: true })
  }
}
