// The bar in the real kernel: one output that is replaced in place, and an interrupt that ends its loop.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Kernel } from '../../src/kernel'
import { interrupted, startOurs } from '../kernel/start'

let kernel: Kernel
beforeAll(async () => {
  kernel = await startOurs()
  const { status, reply } = await kernel.execute("import { progress } from 'whetstone'")
  expect(status, JSON.stringify(reply)).toBe('ok')
})
afterAll(() => kernel.shutdown())

test('a bar is one output, updated', async () => {
  const { outputs, messages, status } = await kernel.execute(
    "for await (const i of progress(20, { label: 'steps' })) await new Promise((resolve) => setTimeout(resolve, 30))")
  expect(status).toBe('ok')
  expect(outputs).toHaveLength(1)
  expect(outputs[0]).toMatchObject({ output_type: 'display_data', data: { 'text/plain': expect.stringMatching(/^steps █{20} 100% 20\/20 · .* took/) as string } })
  expect(messages.filter((message) => message.header.msg_type === 'update_display_data').length).toBeGreaterThan(1)
})

test.each([
  ['asynchronous', 'for await (const i of progress(100000)) await new Promise((resolve) => setTimeout(resolve, 5))'],
  ['asynchronous without pause', 'let sum = 0\nfor await (const i of progress(1e9)) sum += i'],
  ['synchronous', 'let total = 0\nfor (const i of progress(1e9)) total += i'],
])('an interrupt ends the loop: %s', async (_name, code) => {
  const { status } = await interrupted(kernel, code)
  expect(status).toBe('error')
  const after = await kernel.execute('1 + 1')
  expect(after.status).toBe('ok')
})
