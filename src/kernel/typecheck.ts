// Type checks the cells of a notebook with the very converter that runs them, without running them.
import path from 'node:path'
import type { Converter, Diagnostic } from 'tslab/dist/converter'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import { loadTslab } from './seams'
import { mendTypeScript } from './typescript'
import type { TS } from './seams'

export interface CellSource {
  readonly id: string
  readonly source: string
}

export interface CellDiagnostic {
  /** The cell's id. */
  readonly id: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** TypeScript's number, as in TS2322. */
  readonly code: number
  readonly message: string
  /** The file, relative to the notebook's folder, when the error lies in one that the cell imports. */
  readonly file?: string
}

/**
 * Checks cells in their order; each sees the variables of those before it, as in the kernel.
 *
 * A cell with errors would not have run, so in the kernel every later use of its variables is an error as well. Here
 * they count as `any` afterwards, so that one mistake is reported once.
 *
 * @param cwd the notebook's folder, from which imports are resolved
 */
export function typecheckCells(cells: readonly CellSource[], cwd: string): CellDiagnostic[] {
  const typescript = mendTypeScript(path.join(__dirname, '..', '..', '.whetstone', 'cache', 'kernel'))
  const before = typescript.folder
  typescript.folder = path.resolve(cwd)
  const tslab = loadTslab()
  let converter: Converter | undefined
  try {
    converter = tslab.converter.createConverter({ isJS: false, isBrowser: false })
    const found: CellDiagnostic[] = []
    let previous = ''
    /** Files that cells define; their errors belong to those cells. */
    const modules = new Set<string>()
    for (const { id, source } of cells) {
      const meta = tslab.metadata.getCodeMetadata(source)
      const converted = meta.module
        ? { diagnostics: converter.addModule(meta.module, source, meta), declOutput: undefined }
        : converter.convert(previous, source)
      const own = converted.diagnostics.filter(({ fileName }) => meta.module || fileName === undefined || !modules.has(fileName))
      found.push(...own.map((diagnostic) => toCell(id, diagnostic)))
      if (meta.module) {
        modules.add(meta.module + (meta.jsx ? '.tsx' : '.ts'))
        continue
      }
      previous = converted.diagnostics.length > 0
        ? looseDeclarations(typescript.ts, converter, source, previous)
        : converted.declOutput ?? ''
    }
    return found
  } finally {
    converter?.close()
    typescript.folder = before
    typescript.saveCache()
  }
}

function toCell(id: string, diagnostic: Diagnostic): CellDiagnostic {
  return {
    id, line: diagnostic.start.line + 1, column: diagnostic.start.character + 1, code: diagnostic.code,
    message: diagnostic.messageText, ...(diagnostic.fileName === undefined ? {} : { file: diagnostic.fileName }),
  }
}

/** The declarations after a cell that failed: the earlier ones, and its names as `any`. */
function looseDeclarations(ts: TS, converter: Converter, source: string, previous: string): string {
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.ES2022)
  const imports: string[] = []
  const imported = new Set<string>()
  const values = new Set<string>()
  const types = new Set<string>()
  const bind = (name: TypeScript.BindingName): void => {
    if (ts.isIdentifier(name)) values.add(name.text)
    else for (const element of name.elements) if (ts.isBindingElement(element)) bind(element.name)
  }
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) for (const { name } of statement.declarationList.declarations) bind(name)
    else if (ts.isImportDeclaration(statement)) {
      imports.push(statement.getText(file))
      const { name, namedBindings } = statement.importClause ?? {}
      if (name) imported.add(name.text)
      if (namedBindings && ts.isNamespaceImport(namedBindings)) imported.add(namedBindings.name.text)
      else for (const element of namedBindings?.elements ?? []) imported.add(element.name.text)
    }
    else if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) && statement.name) {
      values.add(statement.name.text)
      if (!ts.isFunctionDeclaration(statement)) types.add(statement.name.text)
    } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) types.add(statement.name.text)
  }
  const any = (names: Set<string>): string[] => [...names].map((name) => `let ${name}: any`)
  const names = [...any(values), ...[...types].map((name) => `type ${name} = any`)]
  // When the imports are what failed, their names count as any, too.
  for (const attempt of [[...imports, ...names], [...any(imported), ...names]]) {
    const converted = converter.convert(previous, attempt.join('\n'))
    if (converted.diagnostics.length === 0) return converted.declOutput ?? previous
  }
  return previous
}
