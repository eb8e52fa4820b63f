// The border to tslab: another version, or a place that is gone, is named; a damaged cache does no harm.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadCached } from './code-cache'
import { TSLAB_VERSION, tslabFolder, verifySeams, verifyVersion } from './seams'

const folder = mkdtempSync(path.join(tmpdir(), 'whetstone-seams-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the pinned tslab', () => {
  it('is the installed one, and the one that package.json pins', () => {
    expect(() => verifyVersion()).not.toThrow()
    const { dependencies } = JSON.parse(readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
    expect(dependencies['tslab']).toBe(TSLAB_VERSION)
    expect(tslabFolder()).toContain('tslab')
  })

  it('of another version is refused', () => {
    writeFileSync(path.join(folder, 'package.json'), '{"version":"1.0.23"}')
    expect(() => verifyVersion(folder)).toThrow(expect.objectContaining({ code: 'KERNEL_VERSION' }))
  })

  it('without a place that we patch is refused, and the place named', () => {
    expect(() => verifySeams('tslab/dist/executor', { createExecutor: 1 }, ['createExecutor']))
      .toThrow(expect.objectContaining({ code: 'KERNEL_SEAM', message: expect.stringContaining('createExecutor') as string }))
  })
})

describe('the code cache', () => {
  const file = path.join(folder, 'module.js')
  const caches = path.join(folder, 'caches')
  const load = (): unknown => {
    const cached = loadCached(file, caches)
    cached.save()
    return cached.module.exports
  }

  it('changes nothing about a module: with, without, with a damaged and with a cut cache', () => {
    writeFileSync(file, 'exports.name = require("node:path").basename(__filename); exports.own = module.exports === exports')
    const want = { name: 'module.js', own: true }
    expect(load()).toEqual(want)
    const [name = ''] = readdirSync(caches)
    const cache = path.join(caches, name)
    const bytes = readFileSync(cache)
    expect(load()).toEqual(want)
    writeFileSync(cache, bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 255 : byte)))
    expect(load()).toEqual(want)
    expect(readFileSync(cache).equals(bytes)).toBe(true)
    writeFileSync(cache, bytes.subarray(0, 40))
    expect(load()).toEqual(want)
  })

  it('does without a folder that it can write to', () => {
    const cached = loadCached(file, path.join(file, 'not a folder'))
    expect(() => cached.save()).not.toThrow()
    expect(cached.module.exports).toMatchObject({ own: true })
  })
})
