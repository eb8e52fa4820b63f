// Where a study's events are kept: in memory, in a file that several processes append to, or in a Redis list.
import { closeSync, existsSync, mkdirSync, openSync, readSync, writeSync, fstatSync } from 'node:fs'
import path from 'node:path'
import { messageOf, sha256 } from '../core'
import { SearchError } from './errors'

/** An append-only log that all workers of a study share. The order in which lines landed is the truth. */
export interface Storage {
  append(line: string): Promise<void>
  /** The complete lines since the last call of `read` with this cursor. */
  read(cursor: number): Promise<{ readonly lines: readonly string[]; readonly cursor: number }>
}

/** Keeps the events in this process only. */
export function memoryStorage(): Storage {
  const lines: string[] = []
  return {
    append: (line) => Promise.resolve(void lines.push(line)),
    read: (cursor) => Promise.resolve({ lines: lines.slice(cursor), cursor: lines.length }),
  }
}

const seal = (line: string): string => `${sha256(line).slice(0, 8)} ${line}`

function unseal(sealed: string): string | undefined {
  const line = sealed.slice(9)
  return sealed[8] === ' ' && sealed.slice(0, 8) === sha256(line).slice(0, 8) ? line : undefined
}

/**
 * A journal file: one event a line with its checksum, appended in one write, so that processes on one machine may share
 * it and a killed one costs at most its own last line, which every reader skips.
 *
 * @throws SearchError `SEARCH_STORAGE` when the file cannot be written or read
 */
export function journalStorage(file: string): Storage {
  const failed = (cause: unknown, doing: string): SearchError => new SearchError('SEARCH_STORAGE', `The journal cannot be ${doing}`, {
    got: messageOf(cause), where: file, fix: 'give a file in a folder that you may write to', cause,
  })
  return {
    append(line) {
      try {
        mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
        const descriptor = openSync(file, 'a')
        try {
          // The newline first: it ends whatever line another process was killed in.
          const bytes = Buffer.from(`\n${seal(line)}\n`)
          if (writeSync(descriptor, bytes) !== bytes.length) throw new Error('the disk took only a part of the line')
        } finally {
          closeSync(descriptor)
        }
        return Promise.resolve()
      } catch (cause) {
        return Promise.reject(failed(cause, 'written'))
      }
    },
    read(cursor) {
      if (!existsSync(file)) return Promise.resolve({ lines: [], cursor })
      try {
        const descriptor = openSync(file, 'r')
        try {
          const size = fstatSync(descriptor).size
          const bytes = Buffer.alloc(Math.max(0, size - cursor))
          const length = readSync(descriptor, bytes, 0, bytes.length, cursor)
          // A last line whose checksum is right is whole, also when only its newline is missing.
          const last = bytes.lastIndexOf(10, length - 1) + 1
          const end = unseal(bytes.subarray(last, length).toString('utf8')) === undefined ? last : length
          const lines = bytes.subarray(0, end).toString('utf8').split('\n').flatMap((sealed) => unseal(sealed) ?? [])
          return Promise.resolve({ lines, cursor: cursor + end })
        } finally {
          closeSync(descriptor)
        }
      } catch (cause) {
        return Promise.reject(failed(cause, 'read'))
      }
    },
  }
}

/** The two commands of a Redis client that are used; `redis` and `ioredis` clients both have them under these names. */
export interface RedisList {
  readonly rPush?: (key: string, value: string) => Promise<unknown>
  readonly lRange?: (key: string, start: number, stop: number) => Promise<string[]>
  readonly rpush?: (key: string, value: string) => Promise<unknown>
  readonly lrange?: (key: string, start: number, stop: number) => Promise<string[]>
}

/**
 * A Redis list as the log, for workers on several machines. Redis appends one command at a time, so the order is the same
 * for everybody.
 *
 * @param client a connected client of the npm package `redis` or `ioredis`
 */
export function redisStorage(client: RedisList, key: string): Storage {
  const push = client.rPush ?? client.rpush
  const range = client.lRange ?? client.lrange
  if (!push || !range) {
    throw new SearchError('SEARCH_ARGUMENT', 'This is no Redis client', {
      expected: 'a client with rPush and lRange', fix: 'pass createClient() of "redis", connected, or new Redis() of "ioredis"',
    })
  }
  return {
    async append(line) {
      await push.call(client, key, line)
    },
    async read(cursor) {
      const lines = await range.call(client, key, cursor, -1)
      return { lines, cursor: cursor + lines.length }
    },
  }
}
