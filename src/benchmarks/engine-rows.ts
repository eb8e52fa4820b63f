// What TensorRT measured, as rows of the bench's table.
import type { EngineMeasurement } from '../runtime'
import type { Row } from './compare'
import { median, quantile } from './statistics'

/** A measurement under the name of a case and a contestant: latency, computation, copies, and the slowest layers. */
export function engineRows(name: string, contestant: string, { times, profile }: Pick<EngineMeasurement, 'times' | 'profile'>, layers = 10): Row[] {
  const row = (what: string, unit: string, value: number): Row => ({ case: `${name}: ${what}`, contestant, unit, median: value })
  const of = (key: 'latencyMs' | 'computeMs' | 'h2dMs' | 'd2hMs'): number[] => times.map((time) => time[key])
  const first = times[0], last = times.at(-1)
  const whole = first === undefined || last === undefined ? Number.NaN : last.endD2hMs - first.startH2dMs
  const slowest = [...profile?.layers ?? []].sort((a, b) => b.averageMs - a.averageMs).slice(0, layers)
  return [
    row('latency', 'ms', median(of('latencyMs'))), row('latency, 99th percentile', 'ms', quantile(of('latencyMs'), 0.99)), row('computation', 'ms', median(of('computeMs'))),
    row('copy to the device', 'ms', median(of('h2dMs'))), row('copy to the host', 'ms', median(of('d2hMs'))), row('throughput', 'inferences/s', times.length / whole * 1e3),
    ...slowest.map((layer) => row(`layer ${layer.name}`, 'ms', layer.medianMs ?? layer.averageMs)),
  ]
}
