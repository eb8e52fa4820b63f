// Entry of the kernel, started by Jupyter: `node dist/kernel/main.js --config-path {connection_file}`.
// Reads the connection file and starts the front. It runs no learner's code.
import { readFileSync } from 'node:fs'
import { KernelError } from './errors'
import { Front } from './front'
import { verifyVersion } from './seams'
import type { ConnectionInfo } from './wire'

const PORTS = ['shell_port', 'iopub_port', 'stdin_port', 'control_port', 'hb_port'] as const

/** @throws KernelError `KERNEL_CONNECTION_FILE` */
function readConnection(file: string | undefined): ConnectionInfo {
  const fail = (what: string, cause?: unknown): KernelError => new KernelError('KERNEL_CONNECTION_FILE', what,
    'let Jupyter start the kernel, or give --config-path a connection file that Jupyter wrote', cause)
  if (file === undefined) throw fail('No connection file was given')
  let info: Partial<ConnectionInfo>
  try {
    info = JSON.parse(readFileSync(file, 'utf8')) as Partial<ConnectionInfo>
  } catch (error) {
    throw fail(`The connection file ${file} cannot be read as JSON`, error)
  }
  const missing = PORTS.find((port) => !Number.isInteger(info[port]))
  if (missing !== undefined) throw fail(`The connection file ${file} has no ${missing}`)
  if (typeof info.ip !== 'string' || typeof info.transport !== 'string' || typeof info.key !== 'string') {
    throw fail(`The connection file ${file} lacks ip, transport or key`)
  }
  if (info.key !== '' && info.signature_scheme !== undefined && info.signature_scheme !== 'hmac-sha256') {
    throw fail(`The connection file ${file} asks for the signature scheme ${info.signature_scheme}; hmac-sha256 is known`)
  }
  return info as ConnectionInfo
}

/** Ends the kernel when the process that started it has gone without a word. */
function watchParent(gone: () => void): void {
  const parent = process.ppid
  setInterval(() => { if (process.ppid !== parent) gone() }, 2_000).unref()
}

async function main(): Promise<void> {
  const flag = process.argv.indexOf('--config-path')
  const connection = readConnection(flag < 0 ? undefined : process.argv[flag + 1])
  verifyVersion()
  const front = new Front(connection)
  process.on('exit', () => front.kill())
  process.on('SIGINT', () => front.interrupt())
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void front.stop())
  if (process.env['JPY_PARENT_PID'] !== undefined) watchParent(() => void front.stop())
  await front.start()
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof KernelError ? `${error.code}: ${error.message}` : String(error)}\n`)
  process.exit(1)
})
