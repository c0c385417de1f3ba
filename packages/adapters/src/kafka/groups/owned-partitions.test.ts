import { expect, test } from 'vitest'
import { positionOf } from '../position.ts'
import { OwnedPartitions } from './owned-partitions.ts'

const at = (offset: number) => new Map([['t/0', positionOf(offset, undefined, -1)]])

async function isDrained(owned: OwnedPartitions): Promise<boolean> {
  let drained = false
  void owned.drained(['t/0']).then(() => {
    drained = true
  })
  await Promise.resolve()
  return drained
}

test('the group is told of what was given, once, and of nothing that lies before', () => {
  const owned = new OwnedPartitions()
  owned.take('t/0', undefined, 100)
  owned.gave('t/0', 200)
  expect([owned.news(at(100)).size, owned.news(at(150)).size, owned.news(at(201)).size]).toEqual([0, 1, 0])
  owned.held(at(150))
  expect(owned.news(at(150)).size).toBe(0)
})

test('after a log that lost its end the group is told of what is read anew, and it is waited for', async () => {
  const owned = new OwnedPartitions()
  owned.take('t/0', undefined, 0)
  owned.gave('t/0', 1000)
  owned.held(at(1000))
  owned.goesOn('t/0', 500)
  owned.gave('t/0', 900)
  expect(await isDrained(owned)).toBe(false)
  expect(owned.news(at(900)).size).toBe(1)
  owned.held(at(900))
  expect(await isDrained(owned)).toBe(true)
})

test('what is passed over on the way forward needs not be given', async () => {
  const owned = new OwnedPartitions()
  owned.take('t/0', undefined, 0)
  owned.goesOn('t/0', 500)
  expect(await isDrained(owned)).toBe(false)
  expect(owned.news(at(500)).size).toBe(1)
  owned.held(at(500))
  expect(await isDrained(owned)).toBe(true)
})
