// Files of a run that are replaced as a whole.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Writes a file in one step: a reader, or a run after a kill, sees the old one or the new one. */
export function replaceFile(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.part`
  writeFileSync(temporary, text, { mode: 0o600 })
  renameSync(temporary, file)
}

/** The same for data. */
export const replaceState = (file: string, value: object): void => replaceFile(file, JSON.stringify(value))
