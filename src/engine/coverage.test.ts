import { readFileSync } from 'node:fs'
import path from 'node:path'
import { getKernelsForBackend } from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { coveragePage } from './coverage'
import { KERNELS } from './kernels'

describe('the table of kernels', () => {
  it('names exactly the kernels that TensorFlow.js has', () => {
    expect([...KERNELS].sort()).toEqual(getKernelsForBackend('cpu').map((k) => k.kernelName).sort())
  })

  it('is what docs/engine-coverage.md says; write it again with `node src/cli/whetstone.cjs coverage`', () => {
    expect(readFileSync(path.resolve(__dirname, '../../docs/engine-coverage.md'), 'utf8')).toBe(coveragePage())
  })
})
