// ONNX Runtime's profile (../profile.ts) on the common timeline.
import type { Profile } from '../profile'
import type { TimelineEvent } from '../timeline'

/** Runs and nodes: a track for the runs and one for each execution provider. Nodes inside an If or Loop have their own. */
export function timelineOfOnnxruntime(profile: Profile): TimelineEvent[] {
  const runs = profile.runs.map((run, i): TimelineEvent =>
    ({ name: `run ${i}`, category: 'run', track: 'runs', startMicroseconds: run.start * 1e3, durationMicroseconds: run.duration * 1e3 }))
  const nodes = profile.nodes.map((node): TimelineEvent => ({
    name: node.name, category: node.operator, track: `${node.provider}${node.depth > 0 ? `, inside ${node.depth}` : ''}`,
    startMicroseconds: ((profile.runs[node.run]?.start ?? 0) + node.start) * 1e3, durationMicroseconds: node.duration * 1e3,
  }))
  return [...runs, ...nodes].sort((a, b) => a.startMicroseconds - b.startMicroseconds)
}
