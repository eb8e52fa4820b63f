import path from 'node:path'
import { expect, test } from 'vitest'
import { passesPage } from './documentation'
import { ALL_PASSES } from './passes'

test('docs/passes.md is what the passes say of themselves', async () => {
  await expect(passesPage(ALL_PASSES)).toMatchFileSnapshot(path.join(__dirname, '../../docs/passes.md'))
})

test('every pass has a name of its own, and says what it handles and what it leaves alone', () => {
  expect(new Set(ALL_PASSES.map((pass) => pass.name)).size).toBe(ALL_PASSES.length)
  for (const pass of ALL_PASSES) {
    expect(pass.name).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(pass.handles.length).toBeGreaterThan(0)
    expect(pass.leavesAlone.length).toBeGreaterThan(0)
  }
})
