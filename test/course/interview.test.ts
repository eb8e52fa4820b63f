// Interview practice in the real kernel: a cell asks through Jupyter's input line, marks the answers, and keeps them.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readJournal } from '../../src/course/journal'
import { allQuestions } from '../../src/course/interview/bank'
import { random } from '../../src/core'
import { kernelArgv, startKernel, type Kernel } from '../../src/kernel'

const root = path.resolve(__dirname, '..', '..')
const built = existsSync(path.join(root, 'dist', 'index.js'))

describe.runIf(built)('in the kernel (needs the built library)', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'interview-kernel-'))
  const journal = path.join(folder, 'journal.jsonl')
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await startKernel({ argv: kernelArgv(root), cwd: path.join(root, 'notebooks', 'module_04'), env: { WHETSTONE_JOURNAL: journal } })
  })
  afterAll(async () => {
    await kernel.shutdown()
    rmSync(folder, { recursive: true })
  })

  test('a cell asks, marks the calculation, cites what the learner recorded, and remembers', async () => {
    const recorded = await kernel.execute("import { course } from 'whetstone'\ncourse.recordMeasurements({ 'batch-gain': 12.5 })", { timeout: 60_000 })
    expect(recorded.status).toBe('ok')
    const question = allQuestions().find((each) => each.id.endsWith('explain-batching-strategies-for-throughput'))
    expect(question).toBeDefined()
    if (!question) return
    // The numbers that a session with this seed draws.
    const right = question.probe.answer(question.probe.draw(random(7).fork()))
    const prompts: string[] = []
    const { status, outputs } = await kernel.execute("await course.interview({ question: 'explain-batching-strategies-for-throughput', seed: 7 })", {
      timeout: 60_000,
      answer: (prompt) => {
        prompts.push(prompt)
        return prompt.startsWith('Your number') ? String(right) : prompt.includes('y/n') ? 'y' : 'aloud'
      },
    })
    expect(status).toBe('ok')
    expect(prompts[0]).toContain('Your answer')
    expect(prompts).toHaveLength(2 + question.rubric.length)
    const text = outputs.map((output) => ('data' in output && typeof output.data['text/markdown'] === 'string' ? output.data['text/markdown'] : '')).join('\n')
    expect(text).toMatch(/### Explain batching strategies[^]*✓ Right[^]*A model answer[^]*In my own measurements, 32 at once gave a wide network 12\.5 times[^]*not cited: lesson_08_onnx_runtime[^]*You gave yourself 10 of 10/)
    expect(readJournal(journal).at(-1)).toMatchObject({ kind: 'interview', question: question.id, rating: 4, probe: true })
  }, 120_000)

  test('where nobody can answer, the cell says so and nothing is recorded', async () => {
    const before = readJournal(journal).length
    const { status, outputs } = await kernel.execute('await course.interview()', { timeout: 60_000 })
    expect(status).toBe('error')
    expect(JSON.stringify(outputs)).toContain('nobody can answer')
    expect(readJournal(journal)).toHaveLength(before)
  }, 120_000)
})
