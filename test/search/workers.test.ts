// The search on real processes, and on a real Redis server where one is installed.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

// The built library: workers are programs of their own.
const load = createRequire(__filename)
const { search } = load('../../dist/index.js') as typeof import('../../src/index')
const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-workers-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
const write = (name: string, text: string): string => {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return file
}

describe('worker processes', () => {
  test('share a study: the budget is spent once, both work, and the optimum is found', async () => {
    const journal = path.join(folder, `study-${Date.now()}.jsonl`)
    // Nobody goes on before both have begun: one may start much later than the other on a busy machine.
    const module = write('objective.js', `
      const { readFileSync } = require('node:fs')
      const workers = () => new Set(readFileSync(${JSON.stringify(journal)}, 'utf8').match(/"worker":"[^"]+"/g)).size
      exports.objective = async (t) => {
        for (let i = 0; i < 3000 && workers() < 2; i++) await new Promise((r) => setTimeout(r, 10))
        return (t.float('x', 0, 1) - 0.7) ** 2
      }`)
    const study = await search.runWorkers({ module, journal, trials: 40, workers: 2, seed: 3 })
    expect(study.trials.filter((t) => t.state === 'complete').length).toBeGreaterThanOrEqual(40)
    expect(study.trials.length).toBeLessThanOrEqual(41)
    expect(study.best.values[0]).toBeLessThan(0.01)
    const workers = new Set(readFileSync(journal, 'utf8').match(/"worker":"[^"]+"/g))
    expect(workers.size).toBe(2)
  })

  test('a worker that is killed in a trial costs that trial only; its parameters are tried again', async () => {
    const flag = path.join(folder, 'died')
    const module = write('dies.js', `
      const { existsSync, writeFileSync } = require('node:fs')
      exports.objective = async (t) => {
        const x = t.float('x', 0, 1)
        if (t.number === 4 && !existsSync(${JSON.stringify(flag)})) {
          await t.report(x, 1)
          writeFileSync(${JSON.stringify(flag)}, String(x))
          process.kill(process.pid, 'SIGKILL')
        }
        return x
      }`)
    const study = await search.runWorkers({ module, journal: path.join(folder, 'dies.jsonl'), trials: 12, workers: 1 })
    expect(study.trials[4]).toMatchObject({ state: 'failed' })
    expect(study.trials[4]?.error).toMatch(/SIGKILL/)
    expect(study.trials[5]?.params.x).toBe(Number(readFileSync(flag, 'utf8')))
    expect(study.trials.filter((t) => t.state === 'complete').length).toBe(11)
  })

  test('a module without an objective, and one that is not there, are named', async () => {
    const options = { journal: path.join(folder, 'bad.jsonl'), trials: 2 }
    await expect(search.runWorkers({ ...options, module: write('empty.js', '') })).rejects.toThrow(/function named objective/)
    await expect(search.runWorkers({ ...options, module: path.join(folder, 'nowhere.js') })).rejects.toThrow(/no such module/)
  })
})

const redis = spawnSync('redis-server', ['--version']).status === 0

describe.skipIf(!redis)('redis (skipped where no redis-server is installed)', () => {
  /** The two commands by the wire protocol itself (RESP), as a client sends them. */
  function connect(port: number): Promise<{ command: (...words: string[]) => Promise<unknown>; end: () => void }> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1')
      let buffer = ''
      const waiting: ((value: unknown) => void)[] = []
      const parse = (at: number): [unknown, number] | undefined => {
        const end = buffer.indexOf('\r\n', at)
        if (end < 0) return undefined
        const head = buffer.slice(at + 1, end)
        if (buffer[at] === '$') return buffer.length < end + 4 + Number(head) ? undefined : [buffer.slice(end + 2, end + 2 + Number(head)), end + 4 + Number(head)]
        if (buffer[at] !== '*') return [head, end + 2]
        const items: unknown[] = []
        let next = end + 2
        for (let i = 0; i < Number(head); i++) {
          const item = parse(next)
          if (!item) return undefined
          items.push(item[0])
          next = item[1]
        }
        return [items, next]
      }
      socket.on('data', (chunk) => {
        buffer += chunk.toString('latin1')
        for (let reply = parse(0); reply; reply = parse(0)) {
          buffer = buffer.slice(reply[1])
          waiting.shift()?.(reply[0])
        }
      })
      socket.on('error', reject)
      socket.on('connect', () => {
        resolve({
          command: (...words) => new Promise((done) => {
            waiting.push(done)
            socket.write(`*${words.length}\r\n` + words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join(''))
          }),
          end: () => socket.destroy(),
        })
      })
    })
  }

  test('two workers on one list share a study', async () => {
    const port = 20_000 + (process.pid % 20_000)
    const server = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder], { stdio: 'ignore' })
    try {
      let client = await connect(port).catch(() => undefined)
      for (let i = 0; !client && i < 100; i++) {
        await new Promise((r) => setTimeout(r, 50))
        client = await connect(port).catch(() => undefined)
      }
      const open = client!
      const storage = search.redisStorage({
        rPush: (key, value) => open.command('RPUSH', key, value),
        lRange: (key, start, stop) => open.command('LRANGE', key, String(start), String(stop)) as Promise<string[]>,
      }, 'study')
      const [a, b] = [await search.createStudy({ storage, worker: 'a' }), await search.createStudy({ storage, worker: 'b' })]
      await Promise.all([a, b].map((s) => s.optimize(async (t) => {
        await new Promise((r) => setTimeout(r, 2))
        return t.float('x', 0, 1)
      }, { totalTrials: 30 })))
      await a.refresh()
      await b.refresh()
      expect(a.trials.map((t) => t.params)).toEqual(b.trials.map((t) => t.params))
      expect(a.trials.length).toBeGreaterThanOrEqual(30)
      open.end()
    } finally {
      server.kill()
    }
  })
})
