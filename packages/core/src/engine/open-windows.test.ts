import { describe, expect, it } from 'vitest'
import { OpenWindows } from './open-windows.ts'

const figures = (...rows: [end: number, records: number][]) => [
  Float64Array.from(rows, ([end]) => end),
  Float64Array.from(rows, ([, records]) => records),
]

describe('OpenWindows', () => {
  it('closes the windows whose last millisecond the watermark has reached, once', () => {
    const open = new OpenWindows()
    expect(open.add(figures([60_000, 2], [120_000, 1], [60_000, 3]))).toBe(6)
    expect(open.close(59_998)).toBeUndefined()
    expect(open.close(59_999)).toEqual({ windows: 1, records: 5 })
    expect(open.close(59_999)).toBeUndefined()
    expect(open.add(figures([180_000, 4]))).toBe(4)
    expect(open.close(Number.POSITIVE_INFINITY)).toEqual({ windows: 2, records: 5 })
  })

  it('takes nothing from nothing', () => {
    const open = new OpenWindows()
    expect(open.add(figures())).toBe(0)
    expect(open.close(Number.POSITIVE_INFINITY)).toBeUndefined()
  })
})
