// The one table of kernels, typed by their names: a kernel without an entry is a compile error.
import type { KernelName } from './kernels'
import type { Entry, Fallback } from './lowering'
import { conv } from './lowerings/conv'
import { create } from './lowerings/create'
import { elementwise } from './lowerings/elementwise'
import { fallbacks } from './lowerings/fallbacks'
import { gather } from './lowerings/gather'
import { image } from './lowerings/image'
import { matrix } from './lowerings/matrix'
import { normalize } from './lowerings/normalize'
import { pool } from './lowerings/pool'
import { reduce } from './lowerings/reduce'
import { shape } from './lowerings/shape'

/** Family by family, in the order of the coverage page. */
export const families: Readonly<Record<string, Partial<Record<KernelName, Entry>>>> = {
  elementwise, reduce, matrix, conv, pool, normalize, image, shape, gather, create, fallbacks,
}

/** Every kernel's entry. */
export const table: Readonly<Record<KernelName, Entry>> = {
  ...elementwise, ...reduce, ...matrix, ...conv, ...pool, ...normalize, ...image, ...shape, ...gather, ...create, ...fallbacks,
}

/** Whether the entry always runs on the CPU. */
export function isFallback(entry: Entry): entry is Fallback {
  return 'fallback' in entry
}
