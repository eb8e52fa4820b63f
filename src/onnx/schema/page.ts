// The page docs/onnx-operators.md: every standard operator, in which versions it changed, and what this library does with
// it. Written from the tables, so it cannot say what is not so.
import { INFERENCE } from '../infer/table'
import { allSchemas, type OperatorSchema } from './schema'

/** Versions of the operator set that the page answers for. */
const OPSETS = { first: 9, last: 23 } as const

/** The page as Markdown. */
export function operatorsPage(): string {
  const byName = new Map<string, OperatorSchema[]>()
  for (const schema of allSchemas()) {
    if (schema.domain !== '') continue
    const versions = byName.get(schema.name)
    if (versions === undefined) byName.set(schema.name, [schema])
    else versions.push(schema)
  }
  const rows = [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, versions]) => row(name, versions))
  const covered = rows.filter(({ infers, current }) => infers && current)
  return [
    '# ONNX operators',
    '',
    '<!-- Written by src/onnx/schema/page.ts; its test fails when this file is not current. -->',
    '',
    'Every operator of every domain can be read, written and kept. Operators of the standard domain are also checked against',
    'their schema, in every version (number and types of inputs and outputs, attributes), and for those with a tick the types',
    'and shapes of outputs are inferred, with symbolic sizes.',
    '',
    `${rows.length} operators are in the standard domain; ${covered.length} of them, usable in opsets ${OPSETS.first} to ${OPSETS.last}, have schema, inference and validation.`,
    '',
    '| operator | versions | inputs | outputs | inference |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(({ text }) => text),
    '',
  ].join('\n')
}

function row(name: string, versions: readonly OperatorSchema[]): { text: string; infers: boolean; current: boolean } {
  const infers = INFERENCE['']?.[name] !== undefined
  const newest = versions.at(-1)
  const listed = versions.map(({ since, deprecated }) => (deprecated ? `${since} (deprecated)` : String(since))).join(', ')
  const values = (list: OperatorSchema['inputs'] | undefined) =>
    (list ?? []).map(({ name: value, mode }) => value + (mode === 'optional' ? '?' : mode === 'variadic' && !value.endsWith('...') ? '…' : '')).join(', ')
  const usable = versions.some(({ since, deprecated }) => since <= OPSETS.last && !(deprecated && since <= OPSETS.first))
  return {
    text: `| ${name} | ${listed} | ${values(newest?.inputs)} | ${values(newest?.outputs)} | ${infers ? '✓' : ''} |`, infers, current: usable,
  }
}
