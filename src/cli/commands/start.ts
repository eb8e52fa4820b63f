// `npm start`: opens JupyterLab on the course's front page, on this machine only and behind a token by default.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Option, type Command } from 'commander'
import { WhetstoneError } from '../../core'
import { projectPython, root, stateFolder } from '../root'

interface StartOptions {
  readonly port: string
  readonly host: string
  readonly browser: boolean
}

export function register(program: Command): void {
  program.command('start')
    .description('open the course in JupyterLab')
    .addOption(new Option('--port <number>', 'first port to try').default('8888'))
    .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1'))
    .option('--no-browser', 'do not open a browser')
    .allowUnknownOption()
    .argument('[flags...]', 'passed on to Jupyter')
    .action(async (flags: string[], options: StartOptions) => { process.exitCode = await start(flags, options) })
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1'])
const FRONT_PAGE = 'notebooks/index.md'

/** Whether something can listen there. */
async function portIsFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(new WhetstoneError('START_HOST', `Nothing can listen on ${host}`, { got: error.message, fix: 'leave out --host, or give an address of this machine' }))
    })
    probe.listen({ host, port }, () => probe.close(() => resolve(true)))
  })
}

async function findPort(host: string, first: number): Promise<number> {
  for (let port = first; port < Math.min(first + 100, 65536); port++) {
    if (await portIsFree(host, port)) {
      if (port !== first) process.stdout.write(`  Port ${first} is taken; using ${port}.\n`)
      return port
    }
  }
  throw new WhetstoneError('START_PORT', `No port from ${first} to ${first + 99} is free`, { fix: 'name another one with --port' })
}

/**
 * Jupyter's own folders lie in the project, so that a home that cannot be written to, or another Jupyter's settings,
 * do not matter.
 */
function environment(token: string): NodeJS.ProcessEnv {
  const folder = (name: string): string => path.join(stateFolder, 'jupyter', name)
  return {
    ...process.env,
    JUPYTER_TOKEN: token,
    JUPYTER_CONFIG_DIR: folder('config'), JUPYTER_DATA_DIR: folder('data'), JUPYTER_RUNTIME_DIR: folder('runtime'),
    JUPYTERLAB_SETTINGS_DIR: folder('settings'), JUPYTERLAB_WORKSPACES_DIR: folder('workspaces'),
    IPYTHONDIR: folder('ipython'), PYTHONNOUSERSITE: '1',
  }
}

async function start(flags: readonly string[], options: StartOptions): Promise<number> {
  const first = Number(options.port)
  if (!Number.isInteger(first) || first < 1 || first > 65535) {
    throw new WhetstoneError('START_PORT', 'The port is not one', { expected: 'a whole number from 1 to 65535', got: options.port })
  }
  const { prepareCourse, projectAt } = await import('../../course/index.js')
  prepareCourse(projectAt(root))
  const port = await findPort(options.host, first)
  const token = process.env['JUPYTER_TOKEN'] ?? randomBytes(24).toString('hex')
  const page = `/lab/tree/${FRONT_PAGE}?factory=Markdown%20Preview`
  const began = Date.now()
  const server = spawn(projectPython, ['-m', 'jupyterlab', `--ServerApp.ip=${options.host}`, `--ServerApp.port=${port}`, '--ServerApp.port_retries=0',
    `--ServerApp.root_dir=${root}`, `--FileContentsManager.preferred_dir=${path.join(root, 'notebooks')}`, `--LabApp.default_url=${page}`,
    '--LabApp.extension_manager=readonly', '--ZMQChannelsWebsocketConnection.limit_rate=False', '--ServerApp.answer_yes=True', '--Application.log_level=WARN', '--LabApp.collaborative=False',
    '--KernelSpecManager.ensure_native_kernel=False', '--MultiKernelManager.default_kernel_name=whetstone', '--no-browser', ...asRoot(), ...flags], {
    cwd: root, env: environment(token), stdio: ['ignore', 'inherit', 'inherit'],
  })
  const ended = new Promise<number>((resolve) => server.once('exit', (code, signal) => resolve(signal ? 0 : code ?? 1)))
  const stop = (signal: NodeJS.Signals): void => { server.kill(signal) }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  const shown = LOOPBACK.has(options.host) ? options.host : options.host === '0.0.0.0' ? '127.0.0.1' : options.host
  const address = `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
  if (await listening(server, `${address}/api`)) {
    const url = `${address}${page}&token=${token}`
    process.stdout.write(`  ✓ JupyterLab listens, ${((Date.now() - began) / 1000).toFixed(1)} s\n\n  Open the course:  ${url}\n`)
    if (!LOOPBACK.has(options.host)) process.stdout.write(`  Others on the network can reach this server at port ${port}; the token above lets them run code as you.\n`)
    process.stdout.write('  Ctrl-C stops it; your notebooks are saved in notebooks/.\n\n')
    if (options.browser) openBrowser(url)
  }
  return ended
}

/** Jupyter refuses to run as root unless told, which is the only user in many containers. */
function asRoot(): string[] {
  return process.getuid?.() === 0 ? ['--allow-root'] : []
}

async function listening(server: ChildProcess, url: string): Promise<boolean> {
  for (let tries = 0; server.exitCode === null && server.signalCode === null; tries++) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    if (answer?.ok) return true
    if (tries % 50 === 49) process.stdout.write('  … waiting for JupyterLab to listen\n')
    await sleep(100)
  }
  return false
}

function openBrowser(url: string): void {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open'
  if (spawnSync('which', [command]).status !== 0) return
  spawn(command, [url], { stdio: 'ignore', detached: true }).on('error', () => undefined).unref()
}
