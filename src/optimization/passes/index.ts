// Every pass, and the order in which they are applied. A new pass is added here.
import type { Pass } from '../pass'
import { commonSubexpressions } from './common-subexpressions'
import { deadCode } from './dead-code'
import { eliminateIdentity } from './eliminate-identity'
import { foldConstants } from './fold-constants'
import { foldShapes } from './fold-shapes'
import { fuseActivation } from './fuse-activation'
import { fuseAffine } from './fuse-affine'
import { fuseAttention } from './fuse-attention'
import { fuseBatchNormalization } from './fuse-batch-normalization'
import { fuseGemm } from './fuse-gemm'
import { fuseNormalization } from './fuse-normalization'
import { fusePad } from './fuse-pad'
import { fuseRotary } from './fuse-rotary'
import { lowerEinsum } from './lower-einsum'
import { mergeReshapes } from './merge-reshapes'
import { mergeTransposes } from './merge-transposes'

/** The passes of `simplify`, in order: clean up first, so that fusions see plain forms; clean up what they leave. */
export const DEFAULT_PASSES: readonly Pass[] = [
  eliminateIdentity, foldConstants, foldShapes, deadCode, commonSubexpressions, lowerEinsum, mergeReshapes, mergeTransposes,
  fusePad, fuseBatchNormalization, fuseNormalization, fuseRotary, fuseAttention, fuseGemm, fuseAffine, fuseActivation, deadCode,
]

/** Every pass once, those included that `simplify` applies only when asked. */
export const ALL_PASSES: readonly Pass[] = [...new Set(DEFAULT_PASSES)]

export {
  commonSubexpressions, deadCode, eliminateIdentity, foldConstants, foldShapes, fuseActivation, fuseAffine, fuseAttention,
  fuseBatchNormalization, fuseGemm, fuseNormalization, fusePad, fuseRotary, lowerEinsum, mergeReshapes, mergeTransposes,
}
