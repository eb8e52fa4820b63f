// The page docs/convert.md: what is written by hand stays, the tables of operators are made from the code.
import { torchOperators } from './torch/table'

const MARKS = { begin: '<!-- operators: PyTorch; made from src/convert/torch/operators, do not edit -->', end: '<!-- end of operators: PyTorch -->' } as const

/** The page with its tables made anew. */
export function convertPage(page: string): string {
  const [begin, end] = [page.indexOf(MARKS.begin), page.indexOf(MARKS.end)]
  if (begin < 0 || end < begin) return page
  const table = `${torchOperators.names.length} names of operators; each stands for all its overloads that have no entry of their own, and for the form that writes in place (\`relu_\`).\n\n${torchOperators.page()}`
  return `${page.slice(0, begin + MARKS.begin.length)}\n${table}${page.slice(end)}`
}
