import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { kernelLines } from './kernel-lines'

it('reads what the programs print, in the format that they print it in', () => {
  // The format itself, so that a change of it is seen here.
  const source = readFileSync(path.resolve(__dirname, '../../native/kernels/common.cuh'), 'utf8')
  expect(source).toContain('"%s %s: ok %8.3f ms %8.1f GB/s (%5.1f%% of the copy) %9.1f GFLOP/s\\n"')
  const text = 'transpose 3 padded tile: ok    0.123 ms   1234.5 GB/s ( 91.2% of the copy)       0.0 GFLOP/s\ntranspose 4: wrong at 3: 1, should be 2\ntranspose: 1 wrong\n'
  expect(kernelLines(text)).toEqual([{ kernel: 'transpose', version: '3 padded tile', milliseconds: 0.123, gigabytes: 1234.5, ofCopy: expect.closeTo(0.912) as number, gigaflops: 0 }])
})
