// JupyterLab as a person has it: the real `npm start`, and a headless Chromium in front of it.
import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { findBrowser } from '../../src/cli/machine'

export const root: string = path.resolve(__dirname, '../..')

export interface Lab {
  /** Address with token, as printed. */
  readonly url: string
  readonly output: () => string
  readonly stop: () => Promise<void>
}

/** Starts the course and waits until it prints its address. */
export async function startLab(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Lab> {
  const child: ChildProcess = spawn(process.execPath, ['src/cli/whetstone.cjs', 'start', '--no-browser', ...args], {
    cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      const found = /Open the course:\s+(\S+)/.exec(output)?.[1]
      if (found) resolve(found)
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.on('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${output}`)))
  })
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  return { url, output: () => output, stop: async () => { child.kill('SIGTERM'); await ended } }
}

/** A Chromium that asks nothing of the network. */
export async function openBrowser(): Promise<{ browser: Browser; page: Page }> {
  const executablePath = findBrowser()
  if (executablePath === undefined) throw new Error('no Chromium was found')
  const browser = await chromium.launch({
    executablePath: executablePath.startsWith('/') ? executablePath : `/usr/bin/${executablePath}`,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } })
  return { browser, page }
}
