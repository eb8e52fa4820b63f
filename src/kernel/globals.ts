// Declarations that the compiler sees and no file holds: the names that every cell has without an import (installed by
// worker.ts), and corrections to tslab's own.

export const CELL_GLOBALS = `
/** Asks the person in front of the notebook for a line of text. With \`password\` the answer is not shown. */
declare function input(prompt?: string, options?: { readonly password?: boolean }): Promise<string>
`

/** Fault 12: `display.raw` shows objects as well, as JSON types such as a plotly figure need it; its type refused them. */
export function mendTslabTypes(file: string, text: string | undefined): string | undefined {
  if (text === undefined || !file.endsWith('/tslab/dist/public.d.ts')) return text
  return text.replace('raw(contentType: string, b: string | Uint8Array): any;', 'raw(contentType: string, b: string | Uint8Array | object): void;')
}
