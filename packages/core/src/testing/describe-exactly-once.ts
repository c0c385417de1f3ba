import { beforeEach, describe, expect, it } from 'vitest'
import type { Row } from '../model/index.ts'
import type { SinkSuite } from './describe-sink.ts'
import { numbers, type SinkFixture } from './sink-fixture.ts'

/** What a sink owes that promises exactly-once: every batch once, in order, from one state only, whatever is killed. */
export function describeExactlyOnce(suite: SinkSuite, crashPoints: readonly string[]): void {
  describe('exactly once', () => {
    let target: SinkFixture
    beforeEach(async () => {
      target = await suite.fixture(numbers(0, 1))
    })
    const rows = (count: number): Promise<Row[]> => suite.expected(numbers(0, count))

    it('changes nothing when a batch comes again, on the same connection or another', async () => {
      const one = await target.batch(1, [numbers(0, 3)])
      const two = await target.batch(2, [numbers(3, 6)])
      const signal = new AbortController().signal
      await target.connected(async (sink) => {
        await sink.publish(one, signal)
        await sink.publish(one, signal)
        await sink.publish(two, signal)
      })
      await target.publish(two)
      expect(await target.read()).toEqual(await rows(6))
    })

    it('notices that the target is newer than the state', async () => {
      for (const sequence of [1, 2, 3]) {
        await target.publish(await target.batch(sequence, [numbers(sequence - 1, sequence)]))
      }
      const old = await target.batch(2, [numbers(90, 99)])
      await expect(target.publish(old)).rejects.toMatchObject({ code: 'SINK_AHEAD', retry: 'never' })
      expect(await target.read()).toEqual(await rows(3))
    })

    it('notices that the target is newer than the state by one batch', async () => {
      await target.publish(await target.batch(1, [numbers(0, 1)]))
      await target.publish(await target.batch(2, [numbers(1, 2)]))
      const other = target.untried(await target.batch(2, [numbers(90, 99)]))
      await expect(target.publish(other)).rejects.toMatchObject({ code: 'SINK_AHEAD', retry: 'never' })
      await target.publish(target.untried(await target.batch(3, [numbers(2, 3)])))
      expect(await target.read()).toEqual(await rows(3))
    })

    it.each([2, 3])('notices that the target lacks batches: the first is number %i', async (sequence) => {
      const late = await target.batch(sequence, [numbers(0, 3)])
      await expect(target.publish(late)).rejects.toMatchObject({ code: 'SINK_BEHIND', retry: 'never' })
      expect(await target.read()).toEqual([])
    })

    it('notices a gap', async () => {
      await target.publish(await target.batch(1, [numbers(0, 3)]))
      const late = await target.batch(3, [numbers(3, 6)])
      await expect(target.publish(late)).rejects.toMatchObject({ code: 'SINK_BEHIND' })
      expect(await target.read()).toEqual(await rows(3))
    })

    it.each([1, 2])('notices that another state wrote the target: its batch is number %i', async (sequence) => {
      await target.publish(await target.batch(1, [numbers(0, 3)]))
      const foreign = await target.batch(sequence, [numbers(3, 6)], { incarnation: 'ffffffff00000000' })
      await expect(target.publish(foreign)).rejects.toMatchObject({ code: 'SINK_FOREIGN', retry: 'never' })
      expect(await target.read()).toEqual(await rows(3))
    })

    it.runIf(crashPoints.length > 0).each(crashPoints)('killed at "%s": published again, once', async (crashAt) => {
      await target.publish(await target.batch(1, [numbers(0, 3)]))
      const two = await target.batch(2, [numbers(3, 6), numbers(6, 9), numbers(9, 12)])
      await expect(target.publish(two, { crashAt })).rejects.toThrow()
      await target.publish(two)
      await target.publish(two)
      expect(await target.read()).toEqual(await rows(12))
      await target.publish(await target.batch(3, [numbers(12, 15)]))
      expect(await target.read()).toEqual(await rows(15))
    })
  })
}
