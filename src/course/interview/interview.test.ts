import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { random } from '../../core'
import { readCurriculum } from '../curriculum'
import { readJournal, type JournalEntry } from '../journal'
import { projectAt } from '../project'
import { allQuestions, questionsOf } from './bank'
import { interval, retrievability, review, type Memory, type Rating } from './fsrs'
import { cardsOf, dueCards, isRight, practise, ratingOf } from './practice'

const folder = mkdtempSync(path.join(os.tmpdir(), 'interview-'))
afterAll(() => rmSync(folder, { recursive: true }))
const project = { ...projectAt(path.resolve(__dirname, '../../..')), journal: path.join(folder, 'journal.jsonl') }

// rating, days since the answer before, stability and difficulty after it: from the package ts-fsrs 4.7.1 (MIT), whose
// FSRSAlgorithm.next_state was run with its defaults.
test.each<[string, [Rating, number, number, number][]]>([
  ['good, easy, forgotten, hard', [[3, 0, 3.173, 5.28243442], [3, 3, 10.73892592, 5.27296793], [3, 10, 32.61522229, 5.26354498], [4, 30, 204.97836704, 4.48913203], [1, 60, 6.80267774, 6.26354816], [2, 1, 7.28378986, 6.85308115], [3, 2, 10.84196258, 6.83638968]]],
  ['again on one day', [[1, 0, 0.40255, 7.1949], [1, 0, 0.20168903, 8.08279701], [2, 0, 0.16938679, 8.37011594], [3, 1, 1.28563783, 8.34644611], [3, 4, 5.58371664, 8.32288517]]],
  ['easy and back', [[4, 0, 15.69105, 3.22450159], [2, 20, 28.39397915, 4.31888172], [1, 5, 2.97336943, 6.14907875], [4, 3, 22.19087648, 5.51362398]]],
])('FSRS gives what its reference implementation gives: %s', (_, answers) => {
  let memory: Memory | undefined
  for (const [rating, days, stability, difficulty] of answers) {
    memory = review(memory, rating, days)
    expect(memory.stability / stability).toBeCloseTo(1, 6)
    expect(memory.difficulty).toBeCloseTo(difficulty, 6)
  }
})

test('recall is 90% after the stability, and never rises with time', () => {
  fc.assert(fc.property(fc.double({ min: 0.1, max: 300, noNaN: true }), fc.double({ min: 0, max: 400, noNaN: true }), fc.double({ min: 0, max: 400, noNaN: true }), (stability, a, b) => {
    const memory = { stability, difficulty: 5 }
    expect(retrievability(memory, stability)).toBeCloseTo(0.9, 9)
    expect(retrievability(memory, Math.max(a, b))).toBeLessThanOrEqual(retrievability(memory, Math.min(a, b)))
    expect(interval(memory)).toBe(Math.min(365, Math.max(1, Math.round(stability))))
  }))
})

test('every interview question of the curriculum is in the bank, and nothing else', () => {
  const points = readCurriculum(project).filter((point) => point.kind === 'interview-question')
  expect(points).toHaveLength(28)
  for (const point of points) expect(questionsOf(point.id), point.id).not.toHaveLength(0)
  const meant = new Set(points.flatMap((point) => questionsOf(point.id)))
  expect(allQuestions().map((question) => question.id).filter((id) => !meant.has(id))).toEqual([])
  expect(meant.size).toBe(25)
  // The words are the curriculum's, quotation marks and full stops aside.
  const words = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]+/g, ' ').trim()
  for (const question of allQuestions()) expect(words(question.question)).toBe(words(points.find((point) => point.id === question.id)?.text ?? ''))
})

test('every question has a rubric of 10, a model answer with a number, follow-ups, and a calculation that varies', () => {
  for (const { id, rubric, answer, followUps, probe } of allQuestions()) {
    expect(rubric.reduce((sum, each) => sum + each.weight, 0), id).toBe(10)
    expect(rubric.length, id).toBeGreaterThanOrEqual(3)
    expect(answer.length, id).toBeGreaterThan(500)
    expect(answer, id).toMatch(/\d/)
    expect(followUps.length, id).toBeGreaterThanOrEqual(3)
    const drawn = Array.from({ length: 40 }, (_, seed) => probe.draw(random(seed)))
    const answers = drawn.map((numbers) => probe.answer(numbers))
    for (const [i, value] of answers.entries()) {
      expect(Number.isFinite(value), id).toBe(true)
      expect(isRight(String(value), value, probe.tolerance), `${id}: ${value}`).toBe(true)
      expect(isRight(String(value * 1.2 + 0.5), value, probe.tolerance), id).toBe(false)
      expect(probe.ask(drawn[i]!), id).not.toMatch(/undefined|NaN/)
    }
    expect(new Set(answers).size, id).toBeGreaterThan(1)
  }
})

// Worked by hand, one from each kind of formula.
test.each([
  ['what-is-quantization', { low: -1, high: 4 }, 51],
  ['explain-knowledge-distillation', { gap: 4, T: 4 }, 26.894],
  ['what-is-model-pruning', { final: 0.8, at: 0.5 }, 70],
  ['how-do-you-optimize-inference', { share: 0.8, faster: 4 }, 2.5],
  ['how-do-you-tune-hyperparameters-efficiently', { trials: 27, epochs: 1 }, 108],
  ['your-model-is-too-slow-in', { service: 20, load: 0.9 }, 200],
  ['explain-batching-strategies-for-throughput', { fixed: 8, each: 1, batch: 8 }, 4.5],
  ['pytorch-vs-tensorflow-for-production', { batch: 1, height: 5, width: 6, channels: 3 }, 46],
  ['how-do-you-handle-custom-layers', { x: 1 }, 0.86510],
  ['how-would-you-compress-a-100m', { bits: 4, prune: 0.5 }, 25],
])('the calculation of %s', (name, numbers, expected) => {
  const question = allQuestions().find((each) => each.id.endsWith(`/${name}`))
  expect(question?.probe.answer(numbers)).toBeCloseTo(expected, 3)
})

test('numbers as people type them', () => {
  expect(['1,200', ' 1200 ms', '~1.2e3', 'about 1 200'].map((text) => isRight(text, 1200))).toEqual([true, true, true, true])
  expect(['', 'no idea', '-1200', '1300'].map((text) => isRight(text, 1200))).toEqual([false, false, false, false])
  expect([ratingOf(10, true), ratingOf(7, true), ratingOf(4, true), ratingOf(0, true), ratingOf(10, false), ratingOf(0, false)]).toEqual([4, 3, 2, 1, 2, 1])
})

test('a practised question is in the journal, comes back when it is due, and the least remembered comes first', async () => {
  const said: string[] = []
  const at = (day: number) => () => new Date(Date.UTC(2026, 2, 1 + day))
  const answering = (number: string, marks: string) => ({
    tell: (text: string) => { said.push(text) },
    ask: (prompt: string) => Promise.resolve(prompt.includes('y/n') ? marks : prompt.startsWith('Your number') ? number : ''),
  })
  const question = 'why-convert-to-onnx'
  const [first] = await practise(project, answering('0', 'y'), { question, now: at(0) })
  expect(first).toMatchObject({ rating: 2, calculation: false, rubric: 10 })
  await practise(project, answering('0', 'n'), { question: 'what-is-quantization', now: at(0) })
  expect(readJournal(project.journal).map((entry) => [entry.kind, entry.kind === 'interview' && entry.probe])).toEqual([['interview', false], ['interview', false]])
  expect(said.join('\n')).toMatch(/### Why convert to ONNX\?[^]*A calculation[^]*A model answer[^]*The rubric/)
  const due = (day: number) => dueCards(cardsOf(readJournal(project.journal), at(day)())).filter((card) => card.answers > 0).map((card) => card.question.id.split('/').at(-1))
  expect(due(0)).toEqual([])
  expect(due(9)).toEqual(['what-is-quantization', question])
  await expect(practise(project, answering('', ''), { question: 'nothing' })).rejects.toThrow(/no interview question "nothing"/)
  await expect(practise(project, answering('', ''), { track: 'cooking' })).rejects.toThrow(/track cooking/)
})

test('an answer that is broken off leaves nothing, and a clock that goes back harms nothing', async () => {
  const before = readJournal(project.journal).length
  expect(await practise(project, { tell: () => undefined, ask: () => Promise.resolve(undefined) })).toEqual([])
  expect(readJournal(project.journal)).toHaveLength(before)
  const entry = (rating: Rating, time: string): JournalEntry => ({ kind: 'interview', question: allQuestions()[0]!.id, rating, probe: true, time })
  const [card] = cardsOf([entry(3, '2026-05-01T00:00:00Z'), entry(3, '2020-01-01T00:00:00Z'), entry(3, '2031-01-01T00:00:00Z')], new Date('2026-05-02T00:00:00Z'))
  expect(card?.answers).toBe(3)
  expect(Number.isFinite(card?.dueIn)).toBe(true)
})
