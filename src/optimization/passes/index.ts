// Every pass, and the order in which they are applied. A new pass is added here.
import type { Pass } from '../pass'
import { commonSubexpressions } from './common-subexpressions'
import { deadCode } from './dead-code'
import { eliminateIdentity } from './eliminate-identity'
import { foldConstants } from './fold-constants'
import { fuseConvBatchNormalization } from './fuse-conv-batch-normalization'

/** The passes of `simplify`, in order: clean up first, so that fusions see plain forms; clean up what they leave. */
export const DEFAULT_PASSES: readonly Pass[] = [
  eliminateIdentity, foldConstants, commonSubexpressions, fuseConvBatchNormalization, deadCode,
]

/** All passes, those included that `simplify` applies only when asked. */
export const ALL_PASSES: readonly Pass[] = DEFAULT_PASSES

export { commonSubexpressions, deadCode, eliminateIdentity, foldConstants, fuseConvBatchNormalization }
