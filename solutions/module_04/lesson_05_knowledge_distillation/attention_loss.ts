import type { FeatureMap } from '../../../exercises/module_04/lesson_05_knowledge_distillation/attention_loss/exercise'

// #region cell
export function attentionLoss(student: FeatureMap, teacher: FeatureMap): number {
  const attention = (map: FeatureMap): number[] => {
    const strength = (map[0] ?? []).map((_, p) => map.reduce((sum, channel) => sum + (channel[p] ?? 0) ** 2, 0))
    const length = Math.hypot(...strength)
    return strength.map((value) => (length > 0 ? value / length : 0))
  }
  const wanted = attention(teacher)
  const own = attention(student)
  return own.reduce((sum, value, p) => sum + (value - (wanted[p] ?? 0)) ** 2, 0) / own.length
}
// #endregion
