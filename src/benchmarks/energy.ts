// Energy, where the machine exposes it: the counters of Linux's powercap (Intel RAPL; AMD through the same interface).
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** A counter that only grows. */
export interface EnergyMeter {
  /** Packages of the processor that are counted. */
  readonly domains: readonly string[]
  /** Joules since the meter was made; everything that ran on the machine counts. */
  readonly joules: () => number
}

/**
 * The energy of all processor packages, or undefined where the machine does not tell: virtual machines, other systems, and
 * kernels that let only root read it.
 */
export function energyMeter(folder = '/sys/class/powercap'): EnergyMeter | undefined {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => /^[a-z-]+:\d+$/.test(name))
  } catch {
    return undefined
  }
  const domains = names.flatMap((name) => {
    const read = (file: string): number => Number(readFileSync(path.join(folder, name, file), 'utf8'))
    try {
      return [{ name: readFileSync(path.join(folder, name, 'name'), 'utf8').trim(), range: read('max_energy_range_uj'), read: () => read('energy_uj'), last: read('energy_uj'), sum: 0 }]
    } catch {
      return []
    }
  }).filter(({ name, last }) => name.startsWith('package') && Number.isFinite(last))
  if (domains.length === 0) return undefined
  return {
    domains: domains.map(({ name }) => name),
    joules: () => {
      for (const domain of domains) {
        const now = domain.read()
        // The counter starts again at zero when it is full.
        domain.sum += now >= domain.last ? now - domain.last : now + domain.range - domain.last
        domain.last = now
      }
      return domains.reduce((sum, domain) => sum + domain.sum, 0) / 1e6
    },
  }
}
