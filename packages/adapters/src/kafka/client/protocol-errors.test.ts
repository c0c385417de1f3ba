import { expect, test } from 'vitest'
import { refusalIn } from './protocol-errors.ts'

test('of an answer that refuses one part and does not try the others, the code of that part counts', () => {
  expect(refusalIn([0, 0])).toBe(0)
  expect(refusalIn([55, 3, 55])).toBe(3)
  expect(refusalIn([0, 55])).toBe(55)
})
