// The page docs/engine-coverage.md, written from the table: what runs on ONNX, what is left to the CPU, and why.
import { KERNELS } from './kernels'
import { families, isFallback, table } from './table'

/** The page's text. `whetstone coverage` writes it; a test holds the file against it. */
export function coveragePage(): string {
  const entries = KERNELS.map((name) => table[name])
  const fallbacks = entries.filter(isFallback).length
  const lines = [
    '# Kernels of the engine', '',
    'Written from `src/engine/table.ts` by `node src/cli/whetstone.cjs coverage`; do not edit.', '',
    `TensorFlow.js 4.22 has ${KERNELS.length} kernels. ${KERNELS.length - fallbacks} have an ONNX form, ${fallbacks} always run on TensorFlow.js's own CPU kernels.`,
    'A call also runs there when it is one of the cases in the right column, when an input holds strings or complex numbers, or',
    'when a tensor has no elements. `engine.status().fallbacks` counts them; `engine.use({ fallback: false })` makes them errors.', '',
  ]
  for (const [family, members] of Object.entries(families)) {
    if (family === 'fallbacks') continue
    lines.push(`## ${family}`, '', '| kernel | form | left to the CPU |', '| --- | --- | --- |')
    for (const [name, entry] of Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const form = 'view' in entry ? 'a view of the same data' : 'ONNX'
      lines.push(`| ${name} | ${form} | ${'except' in entry ? entry.except ?? '' : ''} |`)
    }
    lines.push('')
  }
  lines.push('## always on the CPU', '', '| kernel | why |', '| --- | --- |')
  for (const name of KERNELS) {
    const entry = table[name]
    if (isFallback(entry)) lines.push(`| ${name} | ${entry.fallback} |`)
  }
  return lines.join('\n') + '\n'
}
