import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/range_faults',
  title: 'Diagnose: calibrated on the wrong data',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-6-quantization/topics/calibration-strategies',
    'module04/lesson-6-quantization/hands-on/deploy-quantized-models',
  ],
}

// #region cell
/** A quantized value of a model, and what it was on real inputs. */
export interface ObservedValue {
  name: string
  /** s and z of its unsigned 8-bit integers. */
  scale: number
  zeroPoint: number
  /** The real numbers that it was, before quantization, on inputs from production. */
  seen: Float32Array
}

/**
 * The values of a quantized model whose range does not fit what production sends. With the integer that each number asks
 * for, q = round(x / s) + z, a range is
 *
 *   too narrow ⇔ more than 1% of the q lie outside 0 … 255: they are clipped
 *   too wide   ⇔ not too narrow, and max q − min q < 32: fewer than 5 of the 8 bits are used
 *
 * One outlier is neither: clipping a few numbers is what good calibration does.
 *
 * Example: with s = 0.1 and z = 0, the numbers [0.2, 1.4, 3.1] ask for 2, 14 and 31: max − min = 29, too wide. With
 * s = 0.01 and z = 0, 3.1 asks for 310: one of three is outside, too narrow.
 *
 * @returns by name: 'too narrow' or 'too wide'. Values whose range fits are left out, and so are those that saw nothing.
 */
export function rangeFaults(values: ObservedValue[]): Record<string, 'too narrow' | 'too wide'> {
  // TODO: the integers that each value asks for; the share outside; else the span.
  throw new Error('rangeFaults is not written yet')
}
// #endregion
