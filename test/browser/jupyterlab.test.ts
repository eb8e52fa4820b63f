// JupyterLab in a headless Chromium, as a learner meets it: the front page, a lesson, a cell that runs, a plot that is
// drawn, an output that is replaced in place, an interrupt, completion, input.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findBrowser } from '../../src/cli/machine'
import { openBrowser, root, startLab, type Lab } from './lab'

const here = existsSync(path.join(root, '.venv', 'bin', 'python')) && findBrowser() !== undefined

describe.runIf(here)('JupyterLab in Chromium (needs the Python environment and a Chromium)', () => {
  let lab: Lab
  let browser: Browser
  let page: Page
  let folder: string
  const faults: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(path.join(root, '.whetstone', 'browser-'))
    lab = await startLab(['--port', '18500', '--ContentsManager.allow_hidden=True'])
    ;({ browser, page } = await openBrowser())
    // JupyterLab's own debugger panel says so for every kernel that has no debugger.
    page.on('pageerror', (error) => { if (error.message !== 'No active debugger session') faults.push(error.message) })
  })
  afterAll(async () => {
    await browser.close()
    await lab.stop()
    rmSync(folder, { recursive: true, force: true })
    expect(faults).toEqual([])
  })

  /** Opens a notebook with these cells, each run by the test itself. */
  async function notebook(name: string, cells: readonly string[]): Promise<void> {
    writeFileSync(path.join(folder, name), JSON.stringify({
      cells: cells.map((source, i) => ({ cell_type: 'code', execution_count: null, id: `c${i}`, metadata: {}, outputs: [], source })),
      metadata: { kernelspec: { display_name: 'TypeScript (Whetstone)', language: 'typescript', name: 'whetstone' } }, nbformat: 4, nbformat_minor: 5,
    }))
    await open(path.relative(root, path.join(folder, name)))
    await page.waitForSelector('.jp-Notebook .jp-Cell')
    await page.waitForSelector('#jp-bottom-panel :text("TypeScript (Whetstone) | Idle"), .jp-StatusBar-Widget :text("TypeScript (Whetstone) | Idle")', { timeout: 60_000 })
  }

  async function open(file: string): Promise<void> {
    const { origin, searchParams } = new URL(lab.url)
    await page.goto(`${origin}/lab/tree/${file.split('/').map(encodeURIComponent).join('/')}?token=${searchParams.get('token')!}&reset`)
  }

  const cell = (index: number): string => `.jp-Notebook .jp-Cell >> nth=${index}`
  async function run(index: number): Promise<void> {
    await page.click(`${cell(index)} >> .cm-content`)
    await page.waitForSelector(`${cell(index)} >> .cm-focused`)
    await page.keyboard.press('Control+Enter')
    // Not before the cell has taken it: a key pressed while JupyterLab still arranges the page is lost.
    await page.waitForSelector(`${cell(index)} >> .jp-InputPrompt >> text=/\\[(\\*|\\d+)\\]/`)
  }
  const output = (index: number): string => `${cell(index)} >> .jp-OutputArea-output`

  test('the front page lists the lessons, and its links open them with the TypeScript kernel', async () => {
    await page.goto(lab.url)
    await page.waitForSelector('.jp-RenderedMarkdown h1')
    expect(await page.textContent('.jp-RenderedMarkdown h1')).toContain('Whetstone')
    const link = page.locator('.jp-RenderedMarkdown td a').first()
    const title = await link.textContent()
    await link.click()
    const heading = page.locator('.jp-NotebookPanel .jp-RenderedMarkdown h1:visible').first()
    await heading.waitFor()
    expect(await heading.textContent()).toContain(title!.split(':')[0]!)
    await page.waitForSelector('.jp-Toolbar-kernelName:has-text("TypeScript (Whetstone)")')
  })

  test('a cell runs; a plot is drawn by plotly; a bar is replaced in place', async () => {
    await notebook('plots.ipynb', [
      "import { lines, progress } from 'whetstone'\n[1, 2, 3].map((n) => n * 14)",
      "lines({ squares: [1, 4, 9, 16] }, { title: 'Squares', x: 'n (count)', y: 'n² (count)' })",
      'for await (const i of progress(50, { label: "steps" })) await new Promise((done) => setTimeout(done, 5))',
    ])
    await run(0)
    await page.waitForSelector(`${output(0)} >> text=42`)
    await run(1)
    await page.waitForSelector(`${cell(1)} >> .js-plotly-plot .main-svg`)
    expect(await page.textContent(`${cell(1)} >> .gtitle`)).toBe('Squares')
    await run(2)
    await page.waitForSelector(`${output(2)} >> text=50/50`)
    expect(await page.locator(output(2)).count()).toBe(1)
  })

  test('an error is one, with the cell\'s own lines; the next cell runs', async () => {
    await notebook('errors.ipynb', ['function half(x: number): number {\n  if (x % 2) throw new RangeError("odd")\n  return x / 2\n}\nhalf(3)', '"still here"'])
    await run(0)
    await page.waitForSelector(`${output(0)} >> text=RangeError`)
    expect(await page.textContent(output(0))).toMatch(/RangeError[^]*odd/)
    await run(1)
    await page.waitForSelector(`${output(1)} >> text=still here`)
  })

  test('an interrupt ends an endless asynchronous loop, and the kernel goes on', async () => {
    await notebook('interrupt.ipynb', ['let turns = 0\nwhile (true) { turns++; await new Promise((done) => setTimeout(done, 1)) }', 'turns > 0'])
    await run(0)
    await page.waitForTimeout(700)
    await page.click('jp-button[data-command="notebook:interrupt-kernel"], [data-command="notebook:interrupt-kernel"]')
    await page.waitForSelector(`${output(0)} >> text=/[Ii]nterrupt/`)
    await run(1)
    await page.waitForSelector(`${output(1)} >> text=true`)
  })

  test('completion offers the members of the library, and input() asks', async () => {
    await notebook('ask.ipynb', ["import { onnx } from 'whetstone'", 'const builder = onnx.Graph', 'const name = await input("Your name: ")\nString("hello " + name)'])
    await run(0)
    await page.waitForSelector(`${cell(0)} >> text="[1]:"`)
    await page.click(`${cell(1)} >> .cm-content`)
    await page.keyboard.press('Control+End')
    await page.keyboard.press('Tab')
    await page.waitForSelector('.jp-Completer:not(.lm-mod-hidden) >> text=/^\\s*GraphBuilder/')
    await page.keyboard.press('Escape')
    await run(2)
    await page.fill('.jp-Stdin-input', 'Ada')
    await page.keyboard.press('Enter')
    await page.waitForSelector(`${output(2)} >> text=hello Ada`)
  })
})
