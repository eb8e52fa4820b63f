// The npm packages and the compiled library: installed from the lock file when missing or stale, built when a source
// changed. What is current is read from the disk, so that nothing has to be remembered.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const { createHash } = require('node:crypto')
const { root, readOr, step, tool, needSpace } = require('./steps.cjs')

const modules = path.join(root, 'node_modules')

/** Whether node_modules holds what the lock file names. */
function packagesCurrent() {
  try {
    const lock = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages
    const here = JSON.parse(fs.readFileSync(path.join(modules, '.package-lock.json'), 'utf8')).packages
    return Object.entries(lock).every(([place, wanted]) => {
      if (place === '' || (wanted.optional && !here[place])) return true
      return here[place]?.version === wanted.version && fs.existsSync(path.join(root, place, 'package.json'))
    })
  } catch {
    return false
  }
}

/** How npm was called, so that the same one is used again. */
function npm() {
  const script = process.env.npm_execpath
  return script?.endsWith('.js') ? { command: process.execPath, first: [script] } : { command: 'npm', first: [] }
}

/** @param {string} folder */
function writable(folder) {
  try {
    fs.mkdirSync(folder, { recursive: true })
    fs.accessSync(folder, fs.constants.W_OK)
    return true
  } catch {
    return false
  }
}

async function installPackages() {
  if (packagesCurrent()) return
  needSpace(1.5, 'the npm packages')
  await step('npm packages', async (note) => {
    const total = Object.keys(JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages).length
    const { command, first } = npm()
    const cache = process.env.npm_config_cache ?? path.join(process.env.HOME ?? root, '.npm')
    let fetched = 0
    await tool(command, [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=http', '--fetch-retries=2', '--fetch-retry-mintimeout=1000',
      '--fetch-retry-maxtimeout=5000', '--fetch-timeout=30000'], {
      log: 'npm',
      what: 'The npm packages could not be installed',
      kind: 'packages',
      todo: 'Run `npm ci` to see npm at work.',
      env: { ONNXRUNTIME_NODE_INSTALL: 'skip', ...(writable(cache) ? {} : { npm_config_cache: path.join(root, '.whetstone', 'cache', 'npm') }) },
      onLine: (line) => {
        if (/http (fetch|cache)/.test(line)) fetched++
        const failed = /attempt \d+ failed.*/.exec(line)
        note(failed ? failed[0] : `${Math.min(fetched, total)} of ${total} fetched`)
      },
    })
  })
}

/** Every file under `folder` whose name ends with one of `endings`. @param {string} folder @param {string[]} endings @returns {string[]} */
function walk(folder, endings) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) return walk(file, endings)
    return endings.some((ending) => entry.name.endsWith(ending)) ? [file] : []
  })
}

/** @param {string[]} files */
function contentKey(files) {
  const hash = createHash('sha256')
  for (const file of files.sort()) hash.update(path.relative(root, file)).update('\0').update(fs.readFileSync(file)).update('\0')
  return hash.digest('hex')
}

async function buildLibrary() {
  const source = path.join(root, 'src'), out = path.join(root, 'dist')
  const files = walk(source, ['.ts']).filter((file) => !file.endsWith('.test.ts'))
  const key = contentKey([...files, path.join(root, 'tsconfig.json'), path.join(root, 'tsconfig.build.json'), path.join(modules, 'typescript-native', 'package.json')])
  const stamp = path.join(out, '.built')
  if (readOr(stamp, '') !== key) {
    await step('library', async (note) => {
      fs.rmSync(stamp, { force: true })
      await tool(process.execPath, [path.join(modules, 'typescript-native', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
        log: 'build', what: 'The library could not be compiled', kind: 'build',
        todo: 'If you changed a file under src/, mend what is named above; otherwise `git status` shows what differs from the release.',
        onLine: note,
      })
      const compiled = new Set(files.map((file) => path.relative(source, file).replace(/\.ts$/, '')))
      for (const file of walk(out, ['.js', '.js.map', '.d.ts'])) {
        if (!compiled.has(path.relative(out, file).replace(/(\.js|\.js\.map|\.d\.ts)$/, ''))) fs.rmSync(file)
      }
      fs.writeFileSync(stamp, key)
    })
  }
  linkLibrary()
}

/** Lessons import the library by its name: node_modules/whetstone is this folder. */
function linkLibrary() {
  const link = path.join(modules, 'whetstone')
  try {
    if (fs.realpathSync(link) === fs.realpathSync(root)) return
  } catch { /* missing or dangling: made below */ }
  fs.rmSync(link, { force: true, recursive: true })
  fs.symlinkSync('..', link, 'dir')
}

module.exports = { installPackages, buildLibrary, contentKey }
