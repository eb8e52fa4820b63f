// Every fault of the set-up that docs/setup.md lists: its exit code, and a paragraph with what, why and what to do.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fixture } from './fixture'

let project: Fixture
beforeAll(async () => {
  project = new Fixture()
  expect(await project.run('build')).toMatchObject({ code: 0 })
})
afterAll(() => project.remove())

/** Whatever npm, pip or Python of this machine are set to, these point nowhere. */
const NO_INDEX = { PIP_CONFIG_FILE: '/dev/null', PIP_FIND_LINKS: '', PIP_EXTRA_INDEX_URL: '', PIP_INDEX_URL: 'http://127.0.0.1:9/simple' }

test('a set-up that is current does nothing and hands over', async () => {
  const again = await project.run('anything')
  expect(again).toMatchObject({ code: 0, output: 'ran anything\n' })
})

test('an old Node is refused by a file that it can read', async () => {
  const preload = project.write('old.cjs', "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.19.1' } })")
  const ended = await project.run('start', { NODE_OPTIONS: `--require "${preload}"` })
  expect(ended.code).toBe(10)
  expect(ended.output).toMatch(/needs Node.js 20\.19 or later, and this is 18\.19\.1/)
  expect(ended.output).toMatch(/Install a current Node/)
})

test('no Python', async () => {
  const ended = await project.run('start', { PATH: project.programs({}) })
  expect(ended.code).toBe(11)
  expect(ended.output).toMatch(/needs Python 3\.10 or later.*None was found/s)
  expect(ended.output).toContain('apt install python3')
})

test('only an old Python', async () => {
  const ended = await project.run('start', { PATH: project.programs({ python3: 'echo 3.8.10' }) })
  expect(ended.code).toBe(11)
  expect(ended.output).toContain('python3 is 3.8.10')
})

test('a Python without venv', async () => {
  const python3 = 'case "$2" in *version_info*) echo 3.12.1 ;; *) echo "ModuleNotFoundError: No module named \'ensurepip\'" >&2; exit 1 ;; esac'
  const ended = await project.run('start', { PATH: project.programs({ python3 }) })
  expect(ended.code).toBe(12)
  expect(ended.output).toMatch(/without its `venv` module.*ensurepip/s)
  expect(ended.output).toContain('apt install python3.12-venv')
})

test('the npm registry does not answer: stated within seconds; with the registry back, a rerun heals it', async () => {
  rmSync(path.join(project.folder, 'node_modules'), { recursive: true })
  const env = { npm_config_registry: 'http://127.0.0.1:9/', npm_config_cache: path.join(project.folder, 'empty-cache') }
  const ended = await project.run('build', env)
  expect(ended.code).toBe(13)
  expect(ended.output).toMatch(/npm packages could not be installed.*ECONNREFUSED/s)
  expect(ended.silence).toBeLessThan(10)
  project.link()
  expect(await project.run('build')).toMatchObject({ code: 0 })
})

test('the npm registry takes connections and says nothing: never silent for 10 seconds, and it ends', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  rmSync(path.join(project.folder, 'node_modules'), { recursive: true })
  const ended = await project.run('build', { npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: path.join(project.folder, 'empty-cache'), WHETSTONE_IDLE_SECONDS: '13' })
  silent.close()
  expect(ended.code).toBe(13)
  expect(ended.output).toMatch(/printed nothing for 13 s and was stopped/)
  expect(ended.silence).toBeLessThan(10)
  project.link()
})

test('the Python index does not answer', async () => {
  const ended = await project.run('start', NO_INDEX)
  expect(ended.code).toBe(13)
  expect(ended.output).toMatch(/JupyterLab could not be installed/)
  expect(ended.silence).toBeLessThan(10)
})

test('a command that can say something without Jupyter goes on', async () => {
  const ended = await project.run('test', { PATH: project.programs({}) })
  expect(ended.code).toBe(0)
  expect(ended.output).toMatch(/needs Python.*Going on without JupyterLab.*ran test/s)
})

test('a full disk', async () => {
  rmSync(path.join(project.folder, 'node_modules'), { recursive: true })
  const npm = project.write('npm.js', 'console.error("npm error code ENOSPC\\nnpm error nospc ENOSPC: no space left on device, write"); process.exit(228)')
  const ended = await project.run('build', { npm_execpath: npm })
  expect(ended.code).toBe(14)
  expect(ended.output).toMatch(/ENOSPC.*Free some space/s)
  project.link()
})

test('an interrupt stops the tool at work, and a rerun heals it', async () => {
  rmSync(path.join(project.folder, 'node_modules'), { recursive: true })
  const mark = path.join(project.folder, 'npm-started')
  const npm = project.write('npm.js', `require('fs').writeFileSync(${JSON.stringify(mark)}, ''); setTimeout(() => {}, 60000)`)
  const { child, ended } = project.start('build', { npm_execpath: npm })
  while (!existsSync(mark)) await new Promise((done) => setTimeout(done, 20))
  child.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 130 })
  expect(existsSync(path.join(project.folder, '.whetstone', 'setup.lock'))).toBe(false)
  project.link()
  expect(await project.run('build')).toMatchObject({ code: 0 })
})

test('a build interrupted half way is built again', async () => {
  rmSync(path.join(project.folder, 'dist', '.built'))
  writeFileSync(path.join(project.folder, 'dist', 'cli', 'main.js'), 'half a fi')
  rmSync(path.join(project.folder, 'dist', '.tsbuildinfo'), { force: true })
  expect(await project.run('x')).toMatchObject({ code: 0 })
  expect(readFileSync(path.join(project.folder, 'dist', 'cli', 'main.js'), 'utf8')).toContain('ran')
})

test('the lock of a set-up that was killed is taken over; a living one is waited for', async () => {
  const lock = project.write('.whetstone/setup.lock', '999999999')
  expect(await project.run('x')).toMatchObject({ code: 0 })
  writeFileSync(lock, String(process.pid))
  const { ended } = project.start('x')
  setTimeout(() => rmSync(lock), 1500)
  expect((await ended).output).toMatch(/waiting for another set-up of this folder/)
})

test('a source that does not compile is named', async () => {
  const file = project.write('src/wrong.ts', 'export const x: number = "text"\n')
  const ended = await project.run('build')
  rmSync(file)
  expect(ended.code).toBe(17)
  expect(ended.output).toMatch(/could not be compiled.*src\/wrong\.ts\(1,14\)/s)
})
