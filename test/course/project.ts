// A copy of the course in a folder of its own: the library compiled from source, its own exercises, notebooks and
// journal. Checks run in child processes, because vitest's runner cannot run inside vitest.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'

const root = path.resolve(__dirname, '..', '..')

export interface CourseCopy {
  readonly root: string
  /**
   * Runs the body of an async function with `lib` (the library) and `root` in a process that stays; gives what it returns.
   * With `cwd`, in a new process that starts there.
   */
  readonly run: (body: string, cwd?: string) => Promise<unknown>
  /** Writes a file below the root. */
  readonly write: (file: string, text: string) => void
  readonly remove: () => void
}

interface Answer {
  readonly value?: unknown
  readonly error?: string
}

const SERVER = `
  const path = require('node:path'), root = __dirname, lib = require('./dist/index.js'), show = Symbol.for('Jupyter.display')
  process.on('message', (body) => {
    new (async () => {}).constructor('lib', 'root', 'show', 'require', body)(lib, root, show, require).then(
      (value) => process.send({ value }),
      (error) => process.send({ error: error.code ? error.code + ': ' + error.message : String(error.stack) }))
  })`

/** Makes the copy. Its exercises are the project's own. */
export async function courseCopy(): Promise<CourseCopy> {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'course copy é '))
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(copy, file)), { recursive: true })
    writeFileSync(path.join(copy, file), text)
  }
  write('package.json', '{ "name": "whetstone", "type": "commonjs" }')
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
  for (const folder of ['exercises', 'solutions', 'src/course/curriculum']) cpSync(path.join(root, folder), path.join(copy, folder), { recursive: true })
  await build({
    entryPoints: readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !/^(cli|kernel)\b/.test(file))
      .map((file) => path.join(root, 'src', file)),
    outdir: path.join(copy, 'dist'), outbase: path.join(root, 'src'), format: 'cjs', platform: 'node', target: 'node20', logLevel: 'error',
  })
  write('server.cjs', SERVER)
  const start = (cwd: string): ChildProcess => fork(path.join(copy, 'server.cjs'), { cwd, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const ask = async (child: ChildProcess, body: string): Promise<unknown> => {
    child.send(body)
    const done = new AbortController()
    const [answer] = await Promise.race([
      once(child, 'message', done) as Promise<[Answer]>,
      once(child, 'exit', done).then((): [Answer] => [{ error: 'the process ended' }], (): [Answer] => [{}]),
    ])
    done.abort()
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.value
  }
  let resident: ChildProcess | undefined
  return {
    root: copy,
    write,
    async run(body, cwd) {
      if (cwd === undefined) return ask(resident ??= start(copy), body)
      const child = start(cwd)
      try {
        return await ask(child, body)
      } finally {
        child.kill()
      }
    },
    remove() {
      resident?.kill()
      rmSync(copy, { recursive: true, force: true })
    },
  }
}
