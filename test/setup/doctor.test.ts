// The doctor's report against what the system itself says.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/cli/machine'

const root = path.resolve(__dirname, '../..')
const doctor = (env: NodeJS.ProcessEnv = {}): { ready: boolean; findings: Finding[] } =>
  JSON.parse(spawnSync(process.execPath, ['src/cli/whetstone.cjs', 'doctor', '--json'], { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } }).stdout.trim().split('\n').at(-1)!) as never

test('it finds what is here, and says of everything missing what it adds and how to get it', () => {
  const { findings } = doctor()
  const find = (name: string): Finding => findings.find((one) => one.name === name)!
  expect(find('Node.js').value).toBe(process.versions.node)
  expect(find('ONNX Runtime cpu').found).toBe(true)
  if (process.platform === 'linux' && process.arch === 'x64') {
    expect(find('AVX2').found).toBe(/^flags.*\bavx2\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')))
    expect(find('AVX-512 VNNI').found).toBe(/^flags.*\bavx512_vnni\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')))
  }
  const python = path.join(root, '.venv', 'bin', 'python')
  expect(find('Python').value).toBe(existsSync(python) ? execFileSync(python, ['-c', 'import platform; print(platform.python_version())'], { encoding: 'utf8' }).trim() : '')
  for (const one of findings.filter((each) => !each.found && each.kind !== 'fact')) {
    expect(one.adds, one.name).toBeTruthy()
    expect(one.get, one.name).toBeTruthy()
  }
  for (const name of ['NVIDIA GPU', 'TensorRT', 'tfjs-node-gpu', 'PyTorch', 'TensorFlow', 'nvcc', 'bubblewrap', 'Chromium', 'memory']) expect(find(name), name).toBeDefined()
})

test('a browser that is named is used only when it runs', () => {
  const named = doctor({ WHETSTONE_BROWSER: '/no/such/browser', PATH: path.dirname(process.execPath) })
  const chromium = named.findings.find((one) => one.name === 'Chromium')!
  expect(chromium.found ? chromium.value : chromium.get).toMatch(chromium.found ? /Chrom/ : /WHETSTONE_BROWSER/)
})
