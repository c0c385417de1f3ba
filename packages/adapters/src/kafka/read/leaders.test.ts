import { afterEach, expect, test, vi } from 'vitest'
import { KafkaClient } from '../client/client.ts'
import type { Layout, PartitionPlace } from '../client/layout.ts'
import { LeaderChangedError } from '../errors.ts'
import type { FetchedResponse } from './fetch-loop.ts'
import { Leaders } from './leaders.ts'
import { cursorAt, type PartitionCursor } from './partition-cursor.ts'
import { ReadAhead } from './read-ahead.ts'

afterEach(() => vi.useRealTimers())

const CONNECTION = { bootstrap: 'localhost:1', clientId: 'test' }
const LED = { host: 'localhost', port: 1 }

test('a cluster that answers between two failures has not been away from one to the other', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const place: PartitionPlace = {
    name: 't/0',
    topic: 't',
    topicId: undefined,
    index: 0,
    leader: undefined,
    leaderEpoch: 0,
  }
  const layout = (leader?: typeof LED): Layout =>
    new Map([['t', { topic: 't', topicId: undefined, partitions: [{ ...place, leader }] }]])
  const away = () => {
    throw new Error('no broker answers')
  }
  const looks = [
    away,
    () => {
      vi.setSystemTime(Date.now() + 10_000)
      return layout()
    },
    away,
    () => layout(LED),
  ]
  const ahead = new ReadAhead<FetchedResponse>(1)
  const cursor = cursorAt(place, 7, -1)
  const led = await new Promise<readonly PartitionCursor[]>((resolve, reject) => {
    const leaders = new Leaders<FetchedResponse>(
      {
        connection: CONNECTION,
        client: new KafkaClient(CONNECTION),
        fetchVersion: 12,
        readCommitted: true,
        signal: new AbortController().signal,
        log: () => undefined,
        look: async () => (looks.shift() ?? away)(),
        readOn: async (cursors) => {
          if (cursors.length > 0) resolve(cursors)
        },
      },
      ahead,
    )
    ahead.next().catch(reject)
    leaders.seek([cursor], new LeaderChangedError({ partition: 't/0', reason: 'LEADER_NOT_AVAILABLE' }))
  })
  expect(led.map(({ place: { leader } }) => leader)).toEqual([LED])
})
