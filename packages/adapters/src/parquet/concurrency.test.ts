import { expect, it } from 'vitest'
import { mapConcurrently } from './concurrency.ts'

it('keeps the order of results and the limit', async () => {
  let running = 0
  let most = 0
  const results = await mapConcurrently([5, 1, 4, 2, 3], 2, async (n) => {
    most = Math.max(most, ++running)
    for (let turn = 0; turn < n; turn++) await Promise.resolve()
    running--
    return n * 10
  })
  expect(results).toEqual([50, 10, 40, 20, 30])
  expect(most).toBe(2)
})

it('begins nothing after a failure, and waits for what is under way', async () => {
  const begun: number[] = []
  const ended: number[] = []
  const all = mapConcurrently([1, 2, 3, 4], 2, async (n) => {
    begun.push(n)
    if (n === 1) throw new Error('one')
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    ended.push(n)
  })
  await expect(all).rejects.toThrow('one')
  expect({ begun, ended }).toEqual({ begun: [1, 2], ended: [2] })
})
