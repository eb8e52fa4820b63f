// The names that every cell has without an import, as the compiler sees them. Installed by worker.ts.

export const CELL_GLOBALS = `
/** Asks the person in front of the notebook for a line of text. With \`password\` the answer is not shown. */
declare function input(prompt?: string, options?: { readonly password?: boolean }): Promise<string>
`
