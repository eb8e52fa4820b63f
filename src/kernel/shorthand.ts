// Fault 2: a variable of an earlier cell, named by a shorthand property: `{ fn }`, also as a target: `({ fn } = value)`.
// tslab rewrites such variables to `exports.fn` wherever an identifier stands alone, but not there. And it rewrites too much:
// the name of a property that an earlier cell declared, as in `const { left: a } = pair()`, which is no variable.
import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { TS } from './seams'

/**
 * A transformer that writes shorthand properties out when their variable is declared in an earlier cell, and puts quotes around
 * the names of properties that an earlier cell declared, where they could be taken for variables.
 *
 * @param isEarlier whether a file is the one that holds the declarations of earlier cells
 */
export function expandShorthand(
  ts: TS, checker: TypeScript.TypeChecker, isEarlier: (file: TypeScript.SourceFile) => boolean,
): TypeScript.TransformerFactory<TypeScript.SourceFile> {
  return (context) => {
    const { factory } = context
    const isEarlierName = (name: TypeScript.Node | undefined): name is TypeScript.Identifier => name !== undefined && ts.isIdentifier(name)
      && (checker.getSymbolAtLocation(name)?.declarations ?? []).some((declaration) => isEarlier(declaration.getSourceFile()))
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      const visited = ts.visitEachChild(node, visit, context)
      if (ts.isBindingElement(node) && ts.isBindingElement(visited) && isEarlierName(node.propertyName)) {
        return factory.updateBindingElement(
          visited, visited.dotDotDotToken, factory.createStringLiteral(node.propertyName.text), visited.name, visited.initializer)
      }
      if (ts.isPropertyAssignment(node) && ts.isPropertyAssignment(visited) && isEarlierName(node.name)) {
        return factory.updatePropertyAssignment(visited, factory.createStringLiteral(node.name.text), visited.initializer)
      }
      // The symbol belongs to the node as parsed; its parts may have been replaced by the visit above.
      if (!ts.isShorthandPropertyAssignment(node) || !ts.isShorthandPropertyAssignment(visited)) return visited
      const declarations = checker.getShorthandAssignmentValueSymbol(node)?.declarations ?? []
      if (!declarations.some((declaration) => isEarlier(declaration.getSourceFile()))) return visited
      const variable = ts.setTextRange(
        factory.createPropertyAccessExpression(factory.createIdentifier('exports'), factory.createIdentifier(node.name.text)), node.name)
      const value = visited.objectAssignmentInitializer
        ? factory.createAssignment(variable, visited.objectAssignmentInitializer) : variable
      return ts.setTextRange(factory.createPropertyAssignment(factory.createIdentifier(node.name.text), value), node)
    }
    return (file) => ts.visitEachChild(file, visit, context)
  }
}
