// The names that an exercise's cell may use without importing them: those that the stub imports above the cell, and
// those that other cells of its lesson import. An answer that is right in the notebook is right in the grader.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { exerciseFiles } from '../exercises'
import { typescript } from '../load'
import { readLesson } from '../lessons'
import type { Project } from '../project'

/** An import of one name. */
export interface NamedImport {
  readonly name: string
  /** A whole import declaration. */
  readonly text: string
}

/** The imports that stand around the cell of an exercise, one for each name; the stub's own come first. */
export function importsAround(project: Project, id: string): NamedImport[] {
  const lesson = `${path.posix.dirname(id)}.ipynb`
  const cells = existsSync(path.join(project.notebooks, lesson)) ? readLesson(project, lesson)?.cells ?? [] : []
  const texts = [readFileSync(exerciseFiles(project, id).stub, 'utf8'), ...cells.filter((cell) => cell.kind === 'code' && cell.exercise === undefined).map((cell) => cell.source)]
  const found = new Map<string, string>()
  for (const { name, text } of texts.flatMap(namedImports)) if (!found.has(name)) found.set(name, text)
  return Array.from(found, ([name, text]) => ({ name, text }))
}

/** The imports of values from packages, one for each name. Types leave no trace in a program. */
export function namedImports(source: string): NamedImport[] {
  if (!source.includes('import')) return []
  const ts = typescript()
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest)
  return file.statements.flatMap((each): NamedImport[] => {
    if (!ts.isImportDeclaration(each) || !ts.isStringLiteral(each.moduleSpecifier) || each.moduleSpecifier.text.startsWith('.')) return []
    const { importClause: clause } = each
    if (!clause || clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return []
    const from = `from '${each.moduleSpecifier.text}'`
    const bindings = clause.namedBindings
    return [
      ...clause.name ? [{ name: clause.name.text, text: `import ${clause.name.text} ${from}` }] : [],
      ...bindings && ts.isNamespaceImport(bindings) ? [{ name: bindings.name.text, text: `import * as ${bindings.name.text} ${from}` }] : [],
      ...bindings && ts.isNamedImports(bindings)
        ? bindings.elements.filter((one) => !one.isTypeOnly).map((one) => ({ name: one.name.text, text: `import { ${one.getText(file)} } ${from}` }))
        : [],
    ]
  })
}
