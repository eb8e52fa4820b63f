// The project's own Python environment in .venv: JupyterLab, the plotly renderer and the TypeScript kernel's spec.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { root, readOr, step, tool, needSpace } = require('./steps.cjs')
const { contentKey } = require('./packages.cjs')
const { SetupFailure } = require('./failure.cjs')

const environment = path.join(root, '.venv')
const python = path.join(environment, 'bin', 'python')
const requirements = path.join(__dirname, 'requirements.txt')
const OLDEST = [3, 10]

/** @typedef {{ command: string, version: string }} Found */

/** The first Python on the PATH that is new enough, or a failure that says what was seen. @returns {Found} */
function findPython() {
  const names = [process.env.WHETSTONE_PYTHON, 'python3', 'python', ...[15, 14, 13, 12, 11, 10].map((minor) => `python3.${minor}`)]
  const old = []
  for (const name of names) {
    if (!name) continue
    const asked = spawnSync(name, ['-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])'], { encoding: 'utf8', timeout: 20_000 })
    const version = asked.status === 0 ? asked.stdout.trim() : ''
    const [major = 0, minor = 0] = version.split('.').map(Number)
    if (major === OLDEST[0] && minor >= /** @type {number} */ (OLDEST[1])) return { command: name, version }
    if (version) old.push(`${name} is ${version}`)
  }
  throw new SetupFailure('python', `JupyterLab needs Python ${OLDEST.join('.')} or later`,
    old.length ? `Only older ones were found: ${old.join(', ')}` : 'None was found on the PATH',
    'Install it (Debian, Ubuntu: `sudo apt install python3 python3-venv`; macOS: `brew install python`), or name one in the variable WHETSTONE_PYTHON, and run the same command again.')
}

/** @param {Found} found */
function needVenv(found) {
  const asked = spawnSync(found.command, ['-c', 'import venv, ensurepip'], { encoding: 'utf8', timeout: 20_000 })
  if (asked.status === 0) return
  const minor = found.version.split('.').slice(0, 2).join('.')
  throw new SetupFailure('venv', `Python ${found.version} is here, but without its \`venv\` module`,
    (asked.stderr.trim().split('\n').pop() ?? '') || 'It could not be loaded',
    `Install it (Debian, Ubuntu: \`sudo apt install python${minor}-venv\`), or name another Python in the variable WHETSTONE_PYTHON, and run the same command again.`)
}

async function installPython() {
  const stamp = path.join(environment, '.whetstone')
  const key = `${contentKey([requirements])} ${root}`
  if (readOr(stamp, '') === key && spawnSync(python, ['-c', ''], { timeout: 20_000 }).status === 0) return
  const found = findPython()
  needVenv(found)
  needSpace(0.8, 'JupyterLab')
  await step(`Python environment (Python ${found.version})`, async () => {
    fs.rmSync(environment, { recursive: true, force: true })
    await tool(found.command, ['-m', 'venv', environment], {
      log: 'venv', what: 'The Python environment could not be made', kind: 'venv', todo: 'Run `python3 -m venv .venv` to see Python at work.',
    })
  })
  await step('JupyterLab', async (note) => {
    const pip = (/** @type {string} */ retries) => tool(python, ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '--prefer-binary',
      '--retries', retries, '--timeout', '15', '-r', requirements], {
      log: 'pip', what: 'JupyterLab could not be installed', kind: 'packages', todo: 'Run `.venv/bin/python -m pip install jupyterlab plotly` to see pip at work.', onLine: note,
    })
    // An index that does not answer costs its time-out for every package and every retry: none at first, then two.
    try {
      await pip('0')
    } catch (error) {
      if (!(error instanceof SetupFailure) || error.kind !== 'network') throw error
      note('trying once more')
      await pip('2')
    }
    writeSettings()
    fs.writeFileSync(stamp, key)
  })
}

/** JupyterLab asks nothing at its first start, looks nothing up on the network, and shows Markdown rendered. */
function writeSettings() {
  const folder = path.join(environment, 'share', 'jupyter', 'lab', 'settings')
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'overrides.json'), JSON.stringify({
    '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false },
    '@jupyterlab/docmanager-extension:plugin': { defaultViewers: { markdown: 'Markdown Preview' } },
  }, null, 2))
}

/** The kernel's spec holds absolute paths, so it is written at every start. */
function registerKernel() {
  if (!fs.existsSync(path.join(root, "dist/kernel/spec.js"))) return
  const { installKernelSpec } = require(path.join(root, 'dist', 'kernel', 'spec.js'))
  installKernelSpec(environment)
}

module.exports = { installPython, registerKernel, findPython }
