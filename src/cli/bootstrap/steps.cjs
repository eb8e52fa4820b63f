// Runs the steps of the set-up: says what each does and for how long, never silent for more than some seconds, stops
// cleanly on an interrupt, and keeps two set-ups in one folder from working at the same time.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { SetupFailure, failureFrom } = require('./failure.cjs')

const root = path.resolve(__dirname, '..', '..', '..')
const state = path.join(root, '.whetstone')
const tty = Boolean(process.stdout.isTTY) && !process.env.CI
/** A line every so often, for those who watch a log. */
const HEARTBEAT_MS = tty ? 500 : 5_000
/** No output from a tool for this long: it hangs. */
const IDLE_MS = Number(process.env.WHETSTONE_IDLE_SECONDS ?? 240) * 1000

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set()
let interrupted = false

/** @param {NodeJS.Signals} signal */
function stop(signal) {
  interrupted = true
  for (const child of children) child.kill(signal)
}
const onInterrupt = () => { stop('SIGINT') }
const onTerminate = () => { stop('SIGTERM') }

/** @param {string} text */
const short = (text) => text.replace(/\s+/g, ' ').trim().slice(0, 76)

/**
 * One step. `run` gets a function that sets the words behind the step's name while it works.
 * @param {string} name
 * @param {(note: (text: string) => void) => Promise<void>} run
 */
async function step(name, run) {
  const start = Date.now()
  let note = '', printed = ''
  const seconds = () => `${Math.round((Date.now() - start) / 1000)} s`
  const beat = setInterval(() => {
    const line = `  … ${name}, ${seconds()}${note ? `: ${short(note)}` : ''}`
    if (tty) process.stdout.write(`\r\x1b[2K${line.slice(0, (process.stdout.columns || 100) - 1)}`)
    else if (line !== printed) process.stdout.write(line + '\n')
    printed = line
  }, HEARTBEAT_MS)
  if (!tty) process.stdout.write(`  … ${name}\n`)
  try {
    await run((text) => { note = text })
  } finally {
    clearInterval(beat)
    if (tty) process.stdout.write('\r\x1b[2K')
  }
  if (interrupted) throw new SetupFailure('interrupted', 'Interrupted', 'The set-up was stopped by you', 'Run the same command again; it goes on where it stopped.')
  process.stdout.write(`  ✓ ${name}, ${((Date.now() - start) / 1000).toFixed(1)} s\n`)
}

/**
 * Runs a tool, its output in `.whetstone/logs/<log>.log`.
 * @param {string} command
 * @param {string[]} args
 * @param {{ log: string, what: string, kind: import('./failure.cjs').Kind, todo: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void }} options
 * @returns {Promise<string>} what it printed
 */
function tool(command, args, options) {
  const logFile = path.join(state, 'logs', `${options.log}.log`)
  fs.mkdirSync(path.dirname(logFile), { recursive: true })
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
    children.add(child)
    let output = '', rest = '', last = Date.now(), hung = false
    const watch = setInterval(() => {
      if (Date.now() - last < IDLE_MS) return
      hung = true
      child.kill('SIGKILL')
    }, 1000)
    const take = (/** @type {Buffer} */ chunk) => {
      last = Date.now()
      output = (output + chunk.toString()).slice(-400_000)
      const lines = (rest + chunk.toString()).split(/[\r\n]+/)
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.trim()) options.onLine?.(line)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    /** @param {Error | undefined} failure */
    const end = (failure) => {
      clearInterval(watch)
      children.delete(child)
      try { fs.writeFileSync(logFile, output) } catch { /* the failure itself is told below */ }
      if (failure) reject(failure)
      else resolve(output)
    }
    child.on('error', (error) => end(failureFrom(options.kind, options.what, error.message, options.todo)))
    child.on('close', (code, signal) => {
      if (interrupted) end(new SetupFailure('interrupted', 'Interrupted', 'The set-up was stopped by you', 'Run the same command again; it goes on where it stopped.'))
      else if (hung) end(new SetupFailure('network', options.what, `It printed nothing for ${IDLE_MS / 1000} s and was stopped`, 'The network is probably half reachable. Check it (proxy, registry settings of npm and pip) and run the same command again; what was fetched is kept.'))
      else if (code === 0) end(undefined)
      else end(failureFrom(options.kind, options.what, output || `it ended with ${signal ?? `code ${code}`}`, `${options.todo} All it printed is in ${path.relative(root, logFile)}.`))
    })
  })
}

/** @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * Runs `work` while no other set-up of this folder runs. A lock whose owner is gone is taken over.
 * @param {() => Promise<void>} work
 */
async function exclusively(work) {
  fs.mkdirSync(state, { recursive: true })
  const lock = path.join(state, 'setup.lock')
  for (let waited = 0; ; waited++) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
      const owner = Number(readOr(lock, '0'))
      if (!owner || !alive(owner)) fs.rmSync(lock, { force: true })
      else {
        if (waited % 10 === 0) process.stdout.write(`  … waiting for another set-up of this folder (process ${owner})\n`)
        await new Promise((done) => setTimeout(done, 500))
      }
    }
  }
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate)
  try {
    await work()
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate)
    fs.rmSync(lock, { force: true })
  }
}

/** @param {string} file @param {string} otherwise */
function readOr(file, otherwise) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}

/** Stops early where a step could only fail half way. @param {number} gigabytes @param {string} what */
function needSpace(gigabytes, what) {
  const disk = fs.statfsSync(root)
  const free = (disk.bavail * disk.bsize) / 1e9
  if (free < gigabytes) {
    throw new SetupFailure('disk', `There is not enough disk space for ${what}`, `It takes about ${gigabytes} GB, and ${free.toFixed(1)} GB are free in ${root}`, 'Free some space and run the same command again.')
  }
}

module.exports = { root, state, step, tool, exclusively, readOr, needSpace }
