import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { committedInstead, committedText } from './committed'

const folder = mkdtempSync(path.join(os.tmpdir(), 'committed-'))
const file = path.join(folder, 'notebooks', 'lesson.ipynb')
const git = (...args: string[]): void => { execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: folder, stdio: 'ignore' }) }
beforeAll(() => {
  mkdirSync(path.dirname(file))
  writeFileSync(file, 'the lesson\n')
})
afterAll(() => { rmSync(folder, { recursive: true }) })

test('without git, and before a commit, nothing stands in the place of the working copy', () => {
  expect([committedText(file), committedInstead(file)]).toEqual([undefined, undefined])
  git('init')
  expect([committedText(file), committedInstead(file)]).toEqual([undefined, undefined])
})

test('what a learner writes is not judged: the committed text is', () => {
  git('add', '.')
  git('commit', '-m', 'lesson')
  expect([committedText(file), committedInstead(file)]).toEqual(['the lesson\n', undefined])
  writeFileSync(file, 'the lesson, and my wrong answer\n')
  expect([committedText(file), committedInstead(file)]).toEqual(['the lesson\n', 'the lesson\n'])
})
