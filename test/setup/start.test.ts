// The started server: behind a token, on loopback, beside another server, with a home that cannot be written to.
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { root, startLab } from '../browser/lab'

const withPython = existsSync(path.join(root, '.venv', 'bin', 'python'))

describe.runIf(withPython)('npm start (needs the project\'s Python environment)', () => {
  let taken: number
  beforeAll(async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    taken = (other.address() as { port: number }).port
    return () => { other.close() }
  })

  test('takes the next port, asks for the token, serves the front page and knows the kernel', async () => {
    const lab = await startLab(['--port', String(taken), '--ServerApp.terminals_enabled=False'], { HOME: '/dev/null', XDG_CONFIG_HOME: '/dev/null' })
    try {
      const { origin, searchParams, hostname, port } = new URL(lab.url)
      const token = searchParams.get('token')!
      expect(lab.output()).toContain(`Port ${taken} is taken; using ${port}`)
      expect(hostname).toBe('127.0.0.1')
      expect(token.length).toBeGreaterThanOrEqual(32)
      expect((await fetch(`${origin}/api/contents`)).status).toBe(403)
      const ask = async (where: string): Promise<unknown> => (await fetch(origin + where, { headers: { Authorization: `token ${token}` } })).json()
      expect(await ask('/api/contents/notebooks/index.md')).toMatchObject({ type: 'file' })
      expect(await ask('/api/kernelspecs')).toMatchObject({ default: 'whetstone', kernelspecs: { whetstone: { spec: { language: 'typescript' } } } })
      // The flag behind our own reached Jupyter.
      expect((await fetch(`${origin}/api/terminals`, { headers: { Authorization: `token ${token}` } })).status).toBe(404)
    } finally {
      await lab.stop()
    }
  })

  test('refuses a port that is none, with what is expected', async () => {
    await expect(startLab(['--port', '99999'])).rejects.toThrow(/The port is not one[^]*1 to 65535[^]*99999/)
  })
})
