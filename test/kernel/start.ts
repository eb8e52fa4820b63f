// Starts kernels for the tests: ours, and plain tslab, on which each mended fault must still be seen.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { kernelArgv, startKernel, type Execution, type Kernel } from '../../src/kernel'

export const root: string = path.resolve(__dirname, '..', '..')

/** A notebook's folder deep inside the project, with what paths on learners' machines have in them. */
export const folder: string = path.join(root, '.whetstone', 'test', 'kernel', 'Übung – ученик (1)', 'module 04')

export function startOurs(cwd: string = folder): Promise<Kernel> {
  mkdirSync(cwd, { recursive: true })
  return startKernel({ argv: kernelArgv(root), cwd })
}

export function startPlain(cwd: string = folder): Promise<Kernel> {
  mkdirSync(cwd, { recursive: true })
  const tslab = path.join(root, 'node_modules', 'tslab', 'bin', 'tslab')
  return startKernel({
    argv: [process.execPath, tslab, 'kernel', '--config-path', '{connection_file}'], cwd, interruptMode: 'signal',
  })
}

/** Everything written to one stream. */
export function text(execution: Execution, name: 'stdout' | 'stderr' = 'stdout'): string {
  return execution.outputs.map((output) => (output.output_type === 'stream' && output.name === name ? output.text : '')).join('')
}

/** The text form of the cell's value, undefined when it has none. */
export function result(execution: Execution): unknown {
  const found = execution.outputs.find((output) => output.output_type === 'execute_result')
  return found?.data['text/plain']
}

export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Runs a cell and interrupts it once it has printed `started`, or after a moment. */
export async function interrupted(kernel: Kernel, code: string): Promise<Execution & { readonly milliseconds: number }> {
  let since = Number.NaN
  const execution = await kernel.execute(`console.log('started');\n${code}`, {
    timeout: 20_000,
    onOutput: () => {
      if (!Number.isNaN(since)) return
      since = 0
      setTimeout(() => {
        since = performance.now()
        void kernel.interrupt()
      }, 100)
    },
  })
  return { ...execution, milliseconds: performance.now() - since }
}
