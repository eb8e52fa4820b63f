import path from 'node:path'
import { defineConfig } from 'vitest/config'

const alias = { whetstone: path.resolve(import.meta.dirname, 'src/index.ts') }
const project = (name: string, include: string[], testTimeout: number, retry = 0) =>
  ({ resolve: { alias }, test: { name, include, testTimeout, hookTimeout: testTimeout, retry, environment: 'node' as const } })

/** unit: beside the code. integration: kernel, browser, set-up. exercises: every exercise's checks on its solution. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      project('unit', ['src/**/*.test.ts'], 60_000),
      // Real kernels, servers and a browser, beside whatever else the machine does: one second try.
      project('integration', ['test/**/*.test.ts'], 180_000, 1),
      project('exercises', ['exercises/**/checks.test.ts'], 60_000),
    ],
  },
})
