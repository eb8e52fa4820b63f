// The checker against the kernel: what it lets pass runs, what it refuses is refused there, at the same place.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { typecheckCells } from '../../src/kernel'
import { tslabFolder, type TS } from '../../src/kernel/seams'
import { folder, root } from './start'

const check = (...sources: string[]): string[] => {
  mkdirSync(folder, { recursive: true })
  return typecheckCells(sources.map((source, i) => ({ id: `c${i + 1}`, source })), folder)
    .map(({ id, line, column, code }) => `${id} ${line}:${column} TS${code}`)
}

describe('typecheckCells', () => {
  it('accepts what runs: await, earlier variables, redeclaration, shorthand, the library, input', () => {
    expect(check(
      `import { core } from 'whetstone'\nlet n = core.elementCount([2]); const fn = () => n`,
      'await Promise.resolve(fn()); const o = { fn }',
      'let n = "now a text"; n.toUpperCase(); o.fn().toFixed()', 'const line: string = await input("?")', 'for await (const x of [1]) { x.toFixed() }',
    )).toEqual([])
  })

  it('names cell, line and column', () => {
    expect(check('const a = 1', '\n  const b: string = a', 'a.toUpperCase()')).toEqual(['c2 2:9 TS2322', 'c3 1:3 TS2339'])
  })

  it('reports a mistake once: names of a cell that failed count as any', () => {
    expect(check('import { nothing } from "whetstone"; const x: number = "", [y] = [1]; class C {} ; type T = 1', 'x.a; y.b; new C(); let t: T; nothing'))
      .toEqual(['c1 1:10 TS2305', 'c1 1:44 TS2322'])
  })

  it('checks module cells', () => {
    expect(check('/** @module helper */\nexport const three: number = "3"', 'import { three } from "./helper"; three.toFixed()')).toEqual(['c1 2:14 TS2322'])
  })
})

describe('fault 11: the declarations of the library', () => {
  it('are read without errors by the TypeScript of the kernel', () => {
    const ts = createRequire(path.join(tslabFolder(), 'dist', 'main.js'))('@tslab/typescript-for-tslab') as TS
    const program = ts.createProgram([path.join(root, 'dist', 'index.d.ts')], {
      module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Node10, esModuleInterop: true,
      target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts'], types: ['node'], typeRoots: [path.join(root, 'node_modules', '@types')],
    })
    const files = program.getSourceFiles().filter((file) => file.fileName.startsWith(path.join(root, 'dist')))
    expect(files.length).toBeGreaterThan(5)
    const errors = files.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
      .map((error) => `${path.relative(root, error.file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`)
    expect(errors).toEqual([])
  })
})
