// Which notebooks a command means: files, folders and patterns.
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { NotebookError } from '../../notebook/errors'
import { root } from '../root'

/** The lessons. */
export const NOTEBOOKS: string = path.join(root, 'notebooks')

/**
 * The files that the arguments name, sorted, each once: a file itself, a folder with all below it, or a pattern with
 * `*`, `**`, `?` and `{a,b}`. Without arguments: all lessons. Hidden folders hold Jupyter's copies and are left out.
 *
 * @param suffix `.ipynb` or `.nb.ts`
 * @throws NotebookError `NOTEBOOKS_NONE` when an argument names nothing
 */
export function findNotebooks(args: readonly string[], suffix = '.ipynb', cwd: string = process.cwd()): string[] {
  if (args.length === 0) return below(NOTEBOOKS, suffix).sort()
  const found = args.flatMap((argument) => {
    const place = path.resolve(cwd, argument)
    const files = existsSync(place)
      ? (statSync(place).isDirectory() ? below(place, suffix) : [place])
      : matching(argument, suffix, cwd)
    if (files.length === 0) {
      throw new NotebookError('NOTEBOOKS_NONE', `No notebook is meant by "${argument}"`, {
        expected: `a file in ${suffix}, a folder with some, or a pattern`, where: cwd,
      })
    }
    return files
  })
  return [...new Set(found)].sort()
}

function below(folder: string, suffix: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = path.join(folder, entry.name)
    if (entry.name.startsWith('.') || entry.name === 'node_modules') return []
    if (entry.isDirectory()) return below(place, suffix)
    return entry.isFile() && entry.name.endsWith(suffix) ? [place] : []
  })
}

/** Files below the part of the pattern that is no pattern. */
function matching(pattern: string, suffix: string, cwd: string): string[] {
  const parts = path.resolve(cwd, pattern).split(path.sep)
  const first = parts.findIndex((part) => /[*?{]/.test(part))
  if (first < 0) return []
  const expression = globExpression(parts.join('/'))
  return below(parts.slice(0, first).join(path.sep) || path.sep, suffix).filter((file) => expression.test(file.split(path.sep).join('/')))
}

/** `**` crosses folders, `*` and `?` do not, `{a,b}` is either. */
export function globExpression(pattern: string): RegExp {
  const body = pattern.replace(/\*\*\/|\*\*|\*|\?|\{[^{}]*\}|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === '**/') return '(?:.*/)?'
    if (token === '**') return '.*'
    if (token === '*') return '[^/]*'
    if (token === '?') return '[^/]'
    if (token.startsWith('{') && token.length > 1) {
      return `(?:${token.slice(1, -1).split(',').map((part) => globExpression(part).source.slice(1, -1)).join('|')})`
    }
    return `\\${token}`
  })
  return new RegExp(`^${body}$`)
}

/** How a file is called in messages: relative to where the command runs, if that is shorter. */
export function shortName(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative.startsWith('..') ? file : relative
}
