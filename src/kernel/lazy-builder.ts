// Speed: tslab builds a program twice for a cell, the first time only to see which names it declares. TypeScript's
// bookkeeping of affected files, with a type checker, is made only when something asks for it.
import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { TS } from './seams'

type Builder = TypeScript.EmitAndSemanticDiagnosticsBuilderProgram
/** Internal in TypeScript's declarations, and checked among the seams. */
type Binder = TS & { bindSourceFile(file: TypeScript.SourceFile, options: TypeScript.CompilerOptions): void }

/**
 * A `createProgram` for watch hosts.
 *
 * @param isCell whether a file is a cell, whose names are wanted without a checker
 * @param finish called with every real builder
 */
export function createLazily(
  ts: TS, isCell: (file: string) => boolean, finish: (builder: Builder) => Builder,
): TypeScript.CreateProgram<Builder> {
  let lastProgram: TypeScript.Program | undefined
  let lastBuilder: Builder | undefined
  return (rootNames = [], options = {}, host, _old, diagnostics, references) => {
    const program = ts.createProgram({
      rootNames, options,
      ...(host ? { host } : {}), ...(lastProgram ? { oldProgram: lastProgram } : {}),
      ...(diagnostics ? { configFileParsingDiagnostics: diagnostics } : {}), ...(references ? { projectReferences: references } : {}),
    })
    lastProgram = program
    let real: Builder | undefined
    const builder = (): Builder => real ??= lastBuilder = finish(
      ts.createEmitAndSemanticDiagnosticsBuilderProgram(program, host as TypeScript.BuilderProgramHost, lastBuilder, diagnostics))
    const cheap: Partial<Builder> & { getProgramOrUndefined(): TypeScript.Program } = {
      getProgram: () => program,
      getProgramOrUndefined: () => program,
      getCompilerOptions: () => program.getCompilerOptions(),
      getSourceFile: (name) => {
        const file = program.getSourceFile(name)
        if (file && isCell(name)) (ts as Binder).bindSourceFile(file, options)
        return file
      },
    }
    return new Proxy(cheap as Builder, {
      get: (target, name) => Reflect.get(name in target ? target : builder(), name) as unknown,
    })
  }
}
