// Every format that convert() reads, in the order in which they are tried. A new one is one entry here.
import type { Format } from './convert'

export const FORMATS: readonly Format[] = []
