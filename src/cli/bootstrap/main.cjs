// Sets up what a command needs, then hands over to the compiled command line.
'use strict'
const path = require('node:path')
const { EXIT, SetupFailure, explain } = require('./failure.cjs')
const { root, exclusively } = require('./steps.cjs')
const { installPackages, buildLibrary } = require('./packages.cjs')
const { installPython, registerKernel } = require('./python.cjs')

/** Commands that need Jupyter and the kernel, besides the packages and the library that all need. */
const WITH_PYTHON = new Set(['start', 'test', 'setup', 'notebooks', 'bench kernel'])
/** Of these, the ones that can say something without it. */
const PYTHON_OPTIONAL = new Set(['test', 'notebooks', 'bench kernel'])

async function main() {
  const [, , command = '', suite = ''] = process.argv
  // Of the benchmarks, only that of the kernel speaks to one.
  const asked = command === 'bench' ? `bench ${suite}` : command
  await exclusively(async () => {
    await installPackages()
    await buildLibrary()
    if (!WITH_PYTHON.has(asked)) return
    try {
      await installPython()
      registerKernel()
    } catch (error) {
      if (!PYTHON_OPTIONAL.has(asked) || !(error instanceof SetupFailure) || error.kind === 'interrupted') throw error
      explain(error)
      process.stdout.write('  Going on without JupyterLab: what needs it is reported as not run.\n')
    }
  })
  if (command === 'build' || command === 'setup') return
  await require(path.join(root, 'dist', 'cli', 'main.js')).main(process.argv)
}

main().catch((error) => {
  process.exitCode = explain(error) || EXIT.other
})
