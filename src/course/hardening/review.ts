// Review of what a learner made: a model, a pipeline in TypeScript, or a notebook.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../../core'
import { CourseError } from '../errors'
import { CODE_RULES, reviewCode, type CodePart } from './code'
import type { Finding, ReviewRule, Severity } from './finding'
import { MODEL_RULES, reviewModel } from './model'

const ORDER: readonly Severity[] = ['high', 'medium', 'low']

/** Every rule of the review. */
export const REVIEW_RULES: readonly ReviewRule[] = [...MODEL_RULES, ...CODE_RULES].map(({ id, severity, looksFor }) => ({ id, severity, looksFor }))

/**
 * The findings about one file, the most severe first.
 *
 * @throws CourseError `HARDEN_FILE` for a file that is missing, or of a kind that is not reviewed
 */
export function review(file: string): Finding[] {
  const shown = path.basename(file)
  const kind = path.extname(file)
  if (!existsSync(file)) throw new CourseError('HARDEN_FILE', 'There is no such file', { where: file, fix: 'give the path of an .onnx, .ts or .ipynb file' })
  const found = kind === '.onnx' ? reviewModel(file, shown)
    : kind === '.ts' || kind === '.js' || kind === '.cjs' || kind === '.mjs' ? reviewCode([{ text: readFileSync(file, 'utf8'), name: shown }])
      : kind === '.ipynb' ? reviewCode(cellsOf(file, shown)) : undefined
  if (!found) throw new CourseError('HARDEN_FILE', 'Files of this kind are not reviewed', { expected: '.onnx, .ts, .js or .ipynb', got: kind || 'no extension', where: file, fix: 'convert a model to ONNX first; review code as TypeScript' })
  return found.sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity))
}

function cellsOf(file: string, shown: string): CodePart[] {
  let cells: unknown
  try {
    cells = (JSON.parse(readFileSync(file, 'utf8')) as { cells?: unknown }).cells
    if (!Array.isArray(cells)) throw new Error('it has no list of cells')
  } catch (cause) {
    throw new CourseError('HARDEN_FILE', 'The file is not a notebook', { got: messageOf(cause), where: file, fix: 'restore it', cause })
  }
  return (cells as { cell_type?: unknown; source?: unknown }[]).flatMap((cell, i) => {
    const text = Array.isArray(cell.source) ? cell.source.join('') : typeof cell.source === 'string' ? cell.source : ''
    return cell.cell_type === 'code' && text.trim() !== '' ? [{ text, name: `${shown} cell ${i + 1}` }] : []
  })
}
