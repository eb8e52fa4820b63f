// The page of passes, made from what the passes say of themselves.
import type { Pass } from './pass'

/** Markdown for docs/passes.md. */
export function passesPage(passes: readonly Pass[]): string {
  const sections = passes.map(({ name, summary, handles, leavesAlone }) => {
    const list = (items: readonly string[]): string => items.map((item) => `- ${item}\n`).join('')
    return `## ${name}\n\n${summary}\n\nHandles\n${list(handles)}\nLeaves alone\n${list(leavesAlone)}`
  })
  return [
    '# Passes\n\n<!-- Made from the passes of src/optimization/passes by `npx vitest run --project unit src/optimization/documentation --update`. -->\n\n'
      + 'A pass takes a graph and returns another one that computes the same. `simplify(model)` applies them in this order until\n'
      + 'nothing changes; `explain(model, pass, node)` says why a pass did or did not fire at a place. The option\n'
      + '`target: "onnxruntime"` allows operators of com.microsoft; `opset: 17` raises an older model first, so that operators\n'
      + 'that came later may be made.\n', ...sections,
  ].join('\n')
}
