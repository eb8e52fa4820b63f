// A copy of the course in a folder of its own: the library compiled from source, its own exercises, notebooks and
// journal. Checks run in child processes, because vitest's runner cannot run inside vitest.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'

const root = path.resolve(__dirname, '..', '..')

export interface CourseCopy {
  readonly root: string
  /** Runs the body of an async function with `lib` (the library) and `root` in a fresh process; gives what it returns. */
  readonly run: (body: string, cwd?: string) => Promise<unknown>
  /** Writes a file below the root. */
  readonly write: (file: string, text: string) => void
  readonly remove: () => void
}

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
  return {
    root: copy,
    write,
    async run(body, cwd = copy) {
      const script = `
        const lib = require(${JSON.stringify(path.join(copy, 'dist', 'index.js'))}), root = ${JSON.stringify(copy)}
        const show = Symbol.for('Jupyter.display')
        ;(async () => { ${body} })().then(
          (value) => process.stdout.write('\\n' + JSON.stringify({ value })),
          (error) => process.stdout.write('\\n' + JSON.stringify({ code: error.code, message: error.message, stack: error.code ? undefined : error.stack })))`
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd, maxBuffer: 2 ** 26 })
      const answer = JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)) as { value?: unknown; code?: string; message?: string; stack?: string }
      if (answer.message !== undefined) throw new Error(`${answer.code ?? 'untyped'}: ${answer.stack ?? answer.message}`)
      return answer.value
    },
    remove: () => rmSync(copy, { recursive: true, force: true }),
  }
}
