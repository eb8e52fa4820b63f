// Fault 3, the compiler's half: every `await` of a cell's code looks, when it resumes, whether the cell was interrupted
// meanwhile, and throws if so. `finally` blocks run. The other half is interrupt.ts.
import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { TS } from './seams'

/** The global object that tslab makes for its own use; the guard's functions are put there (cell-runner.ts). */
const HOLDER = '__tslab__'

/**
 * `await x` becomes `resume(epoch, await x)`; `for await (… of x)` reads `each(x)`.
 *
 * @param onTopLevelForAwait called for a `for await` outside of functions, which tslab does not count as top-level await
 */
export function guardAwaits(ts: TS, onTopLevelForAwait: () => void): TypeScript.TransformerFactory<TypeScript.SourceFile> {
  return (context) => {
    const { factory } = context
    const member = (name: string): TypeScript.Expression =>
      factory.createPropertyAccessExpression(factory.createIdentifier(HOLDER), factory.createIdentifier(name))
    const call = (name: string, args: TypeScript.Expression[], at: TypeScript.Node): TypeScript.Expression =>
      ts.setTextRange(factory.createCallExpression(member(name), undefined, args), at)
    let depth = 0
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      const isFunction = ts.isFunctionLike(node)
      if (isFunction) depth++
      const visited = ts.visitEachChild(node, visit, context)
      if (isFunction) depth--
      if (ts.isAwaitExpression(visited)) {
        const epoch = factory.createElementAccessExpression(member('epoch'), 0)
        return call('resume', [epoch, visited], node)
      }
      if (ts.isForOfStatement(visited) && visited.awaitModifier) {
        if (depth === 0) onTopLevelForAwait()
        return factory.updateForOfStatement(visited, visited.awaitModifier, visited.initializer,
          call('each', [visited.expression], visited.expression), visited.statement)
      }
      return visited
    }
    return (file) => ts.visitEachChild(file, visit, context)
  }
}
