import { describe, expect, test } from 'vitest'
import { decode, editDistance, HEIGHT, recogniserInput, textLines, WIDTH } from './text'

describe('lines of text', () => {
  test('are the same for the same seed, of the declared size, and dark on light', () => {
    const [a, b] = [textLines(5, 3), textLines(5, 3)]
    expect(a).toEqual(b)
    expect(textLines(5, 4)).not.toEqual(a)
    for (const { text, pixels } of a) {
      expect(pixels).toHaveLength(HEIGHT * WIDTH)
      expect(text).toMatch(/^[A-Z1-9]+( [A-Z1-9]+)?$/)
      const ink = pixels.filter((value) => value < 0.5).length / pixels.length
      expect(ink).toBeGreaterThan(0.005)
      expect(ink).toBeLessThan(0.3)
      expect(Math.min(...pixels)).toBeGreaterThanOrEqual(0)
    }
    const input = recogniserInput(a[0] ?? { text: '', pixels: new Float32Array() })
    expect(input).toHaveLength(3 * HEIGHT * WIDTH)
    expect(input.every((value) => value >= -1 && value <= 1)).toBe(true)
  })

  test('best path: repeats joined, blanks dropped, a blank between equal characters keeps both', () => {
    const steps = [1, 1, 0, 1, 2, 2, 0, 0, 3].flatMap((top) => [0, 1, 2, 3].map((c) => (c === top ? 1 : 0)))
    expect(decode(steps, 4, ['A', 'B', 'C'])).toBe('AABC')
  })

  test('edit distance', () => {
    expect(editDistance('KITTEN', 'SITTING')).toBe(3)
    expect(editDistance('', 'AB')).toBe(2)
    expect(editDistance('SAME', 'SAME')).toBe(0)
  })
})
