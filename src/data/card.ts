// The data card of a dataset, written from its source and from the data itself, so that it cannot go stale: a test
// compares the stored card with this text.
import { breastCancerSource, loadBreastCancer } from './breast-cancer'
import type { Dataset } from './dataset'
import { diabetesSource, loadDiabetes } from './diabetes'
import { digitsSource, loadDigits } from './digits'
import { irisSource, loadIris } from './iris'
import { loadMnist, mnistSource } from './mnist'
import type { Source } from './source'

/** Every dataset with its parts by name: the one place to add a line when a dataset is added. */
export const CATALOGUE: readonly { readonly source: Source, parts(): Readonly<Record<string, Dataset>> }[] = [
  {
    source: mnistSource,
    parts: () => {
      const { train, test } = loadMnist()
      return { train, test }
    },
  },
  { source: digitsSource, parts: () => ({ all: loadDigits() }) },
  { source: irisSource, parts: () => ({ all: loadIris() }) },
  { source: breastCancerSource, parts: () => ({ all: loadBreastCancer() }) },
  { source: diabetesSource, parts: () => ({ all: loadDiabetes() }) },
]

const count = (n: number): string => n.toLocaleString('en-US')

function describePart(name: string, part: Dataset): string {
  const shares = Object.entries(part.classCounts())
    .map(([label, n]) => `${label} ${count(n)} (${((100 * n) / part.length).toFixed(1)}%)`)
  const low = part.labels.reduce((a, b) => Math.min(a, b), Infinity)
  const high = part.labels.reduce((a, b) => Math.max(a, b), -Infinity)
  return `| ${name} | [${part.shape.join(', ')}] | ${part.features instanceof Uint8Array ? 'uint8' : 'float32'} | ${
    shares.length > 0 ? shares.join(', ') : `${part.labelName}: ${low} to ${high}`} |`
}

/** The text of `datasets/<name>/card.md`. */
export function dataCard(source: Source, parts: Readonly<Record<string, Dataset>>): string {
  const [first] = Object.values(parts)
  const names = first?.featureNames ?? []
  return [
    `# ${source.title}`, '', source.summary, '',
    `- **Source:** ${source.origin}`,
    `- **Licence:** ${source.licence}`,
    `- **Citation:** ${source.citation}`,
    ...(source.npm === undefined ? [] : [`- **Files:** in the npm package \`${source.npm}\``]),
    '',
    '| part | shape | stored as | labels |', '| --- | --- | --- | --- |',
    ...Object.entries(parts).map(([name, part]) => describePart(name, part)), '',
    `Features: ${names.length > 30 ? `${names.slice(0, 2).join(', ')}, … ${names.at(-1) ?? ''}` : names.join(', ')}. `
      + `Label: ${first?.labelName ?? ''}.`, '',
    '| file | bytes | SHA-256 |', '| --- | --- | --- |',
    ...Object.values(source.files).map((f) => `| ${f.path} | ${count(f.bytes)} | \`${f.sha256}\` |`), '',
    '## Know before use', ...source.notes.map((note) => `- ${note}`), '',
  ].join('\n')
}
