// Which range of 8-bit integers a processor multiplies without losing anything.
import { cpuFlags } from '../../core'

/** Advice on the range of 8-bit weights. */
export interface RangeAdvice {
  /** Whether weights should keep to 7 bits. */
  readonly reduced: boolean
  readonly why: string
}

/**
 * VPMADDUBSW of AVX2 and AVX-512BW adds two products u8 × s8 in 16 bits with saturation: 2 · 255 · 127 = 64,770 > 32,767.
 * With 7-bit weights, 2 · 255 · 64 = 32,640, nothing saturates. VNNI (VPDPBUSD), AMX and ARM's dot product add in 32 bits.
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VPMADDUBSW and VPDPBUSD.
 *
 * @param flags of the processor that will run the model; default: this machine's
 */
export function adviseRange(flags: ReadonlySet<string> = cpuFlags()): RangeAdvice {
  const exact = ['avx512_vnni', 'avx_vnni', 'amx_int8', 'asimddp', 'asimd'].find((flag) => flags.has(flag))
  if (exact !== undefined) return { reduced: false, why: `${exact} adds 8-bit products in 32 bits` }
  if (flags.has('avx2') || flags.has('avx512bw') || flags.has('ssse3')) {
    return { reduced: true, why: 'AVX2 without VNNI adds pairs of u8 × s8 products in 16 bits with saturation, so weights keep to 7 bits' }
  }
  return { reduced: false, why: 'the processor is not known to saturate' }
}
