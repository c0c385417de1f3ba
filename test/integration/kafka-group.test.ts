import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { consumerGroupHeartbeat, offsetFetch } from '@headrace/broker/protocol'
import type { Position, Source } from '@headrace/core'
import type { SourceRecord } from '@headrace/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { KafkaRelay } from '../support/kafka-relay.ts'
import { GroupProcess } from './support/group-process.ts'
import { kafkaScene } from './support/kafka-scene.ts'

const { kafka, places, closing } = await kafkaScene()
let relay: KafkaRelay

beforeAll(async () => {
  relay = await KafkaRelay.start(kafka.address, 1)
})
afterEach(async () => {
  relay.onRequest = () => undefined
  relay.onAnswer = () => undefined
})
afterAll(async () => {
  await relay?.close()
})

const texts = (prefix: string, count: number): SourceRecord[] =>
  Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`${prefix} ${i}`), timestamp: 1_700_000_000_000 + i }))

function process(source: Source, acknowledges = true): GroupProcess {
  const made = new GroupProcess(source, acknowledges)
  closing.push(made)
  return made
}

async function committed(groupId: string, topic: string): Promise<Record<number, string>> {
  const [found] = await places.admin.fetchOffsets({ groupId, topics: [topic] })
  return Object.fromEntries((found?.partitions ?? []).map(({ partition, offset }) => [partition, offset]))
}

describe.each(['classic', 'consumer'] as const)('a group of processes: %s', (groupProtocol) => {
  test('shares the partitions; those of one that leaves are gone on with where its sinks hold them', async () => {
    const topic = await places.topic(4)
    const group = `g-${topic}`
    const open = (incarnation: string) => places.source({ topic, group, groupProtocol }, { incarnation })
    for (let p = 0; p < 4; p++) await places.write(topic, p, texts(`early ${p}`, 50))
    const first = await process(open('one')).begin()
    await first.until(() => first.values.length === 200)
    expect(first.owned).toHaveLength(4)
    const second = await process(open('two')).begin()
    await second.until(() => second.owned.length === 2)
    await first.until(() => first.owned.length === 2)
    expect([...first.owned, ...second.owned].sort()).toEqual([0, 1, 2, 3].map((p) => `${topic}/${p}`))
    for (let p = 0; p < 4; p++) await places.write(topic, p, texts(`late ${p}`, 50))
    await first.until(() => first.values.length === 300)
    await second.until(() => second.values.length === 100)
    await second.close()
    for (let p = 0; p < 4; p++) await places.write(topic, p, texts(`last ${p}`, 10))
    await first.until(() => first.owned.length === 4 && first.values.length === 340)
    const all = [...first.values, ...second.values]
    expect(new Set(all).size).toBe(440)
    expect(all).toHaveLength(440)
    await first.acknowledge()
    expect(await committed(group, topic)).toEqual({ 0: '110', 1: '110', 2: '110', 3: '110' })
  })

  test('gives a partition up only when the sinks hold what was read of it', async () => {
    const topic = await places.topic(2)
    const group = `g-${topic}`
    await places.write(topic, 0, texts('a', 20))
    await places.write(topic, 1, texts('b', 20))
    const first = await process(places.source({ topic, group, groupProtocol }, { incarnation: 'one' }), false).begin()
    await first.until(() => first.values.length === 40)
    expect(await committed(group, topic)).toEqual({ 0: '0', 1: '0' })
    const second = await process(places.source({ topic, group, groupProtocol }, { incarnation: 'two' })).begin()
    // The classic protocol gives up all, the other what moves.
    await first.until(() => first.owned.length === (groupProtocol === 'classic' ? 0 : 1))
    expect(second.owned).toEqual([])
    await first.acknowledge()
    await second.until(() => second.owned.length === 1)
    expect(await committed(group, topic)).toEqual({ 0: '20', 1: '20' })
    await first.until(() => first.owned.length === 1)
    await places.write(topic, 0, texts('c', 1))
    await places.write(topic, 1, texts('d', 1))
    await first.until(() => first.values.length === 41)
    await second.until(() => second.values.length === 1)
  })

  test('after a restart the state counts if nobody else had the partition; the group counts if somebody had', async () => {
    const topic = await places.topic(1)
    const group = `g-${topic}`
    const name = `${topic}/0`
    await places.write(topic, 0, texts('a', 10))
    const first = await process(places.source({ topic, group, groupProtocol }, { incarnation: 'one' }), false).begin()
    await first.until(() => first.values.length === 10)
    const state = new Map<string, Position>(first.reader.positions)
    await first.close()
    await places.write(topic, 0, texts('b', 1))
    const again = await process(places.source({ topic, group, groupProtocol }, { incarnation: 'one' })).begin(state)
    await again.until(() => again.values.length === 1)
    expect(again.reader.of(name)[0]?.ordinal).toBe(10)
    await again.close()
    const other = await process(places.source({ topic, group, groupProtocol }, { incarnation: 'two' }), false).begin()
    await other.until(() => other.owned.length === 1)
    await other.close()
    await places.write(topic, 0, texts('c', 1))
    const late = await process(places.source({ topic, group, groupProtocol }, { incarnation: 'one' })).begin(
      new Map([[name, { offset: 4 }]]),
    )
    await late.until(() => late.values.length === 1)
    expect(late.reader.of(name)[0]?.ordinal).toBe(11)
  })

  test('new partitions are handed out too', async () => {
    const topic = await places.topic(1)
    const settings = { topic, group: `g-${topic}`, groupProtocol, metadataMaxAge: '100 ms' }
    const one = await process(places.source(settings)).begin()
    await one.until(() => one.owned.length === 1)
    await places.growTopic(topic, 3)
    await one.until(() => one.owned.length === 3)
    await places.write(topic, 2, texts('new', 1))
    await one.until(() => one.values.length === 1)
  })

  test('a member that the group has gone on without joins again, whatever tells it', async () => {
    const topic = await places.topic(1)
    const group = `g-${topic}`
    await places.write(topic, 0, texts('a', 5))
    const one = await process(places.source({ topic, group, groupProtocol }), false).begin()
    await one.until(() => one.values.length === 5)
    await places.expel(group, groupProtocol)
    // It is told so when it says what its sinks hold.
    await one.acknowledge()
    await one.until(() => one.values.length === 10)
    expect(places.logged).toContainEqual(
      expect.objectContaining({
        message: expect.stringMatching(/has gone on without this process \(UNKNOWN_MEMBER_ID\)/),
      }),
    )
    await one.acknowledge()
    expect(await committed(group, topic)).toEqual({ 0: '5' })
  })

  test('a member that is lost while it asks for offsets joins again', async () => {
    const topic = await places.topic(2)
    const group = `g-${topic}`
    await places.write(topic, 0, texts('a', 5))
    let expelled = 0
    relay.onRequest = async (apiKey) => {
      if (apiKey === offsetFetch.key && expelled++ === 0) await places.expel(group, groupProtocol)
    }
    const connection = { bootstrap: relay.bootstrap }
    const one = await process(places.source({ topic, group, groupProtocol }, { connection })).begin()
    await one.until(() => one.values.length === 5 && one.owned.length === 2)
    await one.acknowledge()
    expect(await committed(group, topic)).toEqual({ 0: '5', 1: '0' })
    expect(expelled).toBeGreaterThan(1)
  })

  test('of the topics that a pattern finds, one that was made again is read from its first record, once', async () => {
    const kind = `k-${randomUUID()}`
    const [again, stays] = [await places.topic(1, `${kind}-1`), await places.topic(1, `${kind}-2`)]
    const group = `g-${kind}`
    const settings = { topics: { pattern: `${kind}.*` }, group, groupProtocol, metadataMaxAge: '50 ms' }
    await places.write(again, 0, texts('old', 3))
    const one = await process(places.source({ ...settings, start: 'earliest' })).begin()
    await one.until(() => one.values.length === 3 && one.owned.length === 2)
    await one.acknowledge()
    await places.admin.deleteTopics({ topics: [again] })
    await places.createTopic(again, 1)
    await places.write(again, 0, texts('new', 2))
    await places.write(stays, 0, texts('on', 1))
    await one.until(() => one.values.length === 6 && one.owned.length === 2)
    expect(one.reader.of(`${again}/0`).map(({ value }) => value)).toEqual(['old 0', 'old 1', 'old 2', 'new 0', 'new 1'])
    expect(one.reader.of(`${stays}/0`).map(({ value }) => value)).toEqual(['on 0'])
    await one.acknowledge()
    expect(await committed(group, again)).toEqual({ 0: '2' })
  })

  test('offsets that are moved count, whatever the state says, until they are gone on from', async () => {
    const topic = await places.topic(1)
    const group = `g-${topic}`
    const open = () => places.source({ topic, group, groupProtocol })
    await places.write(topic, 0, texts('a', 10))
    const first = await process(open()).begin()
    await first.until(() => first.values.length === 10)
    await first.acknowledge()
    await first.close()
    const state = new Map<string, Position>(first.reader.positions)
    await places.moveOffset(group, topic, 0, 4)
    // Killed before its state says so, it is told so again.
    for (let life = 0; life < 2; life++) {
      const again = await process(open(), false).begin(new Map(state))
      await again.until(() => again.values.length === 6)
      expect(again.reader.of(`${topic}/0`)[0]?.ordinal).toBe(4)
      expect(again.reader.events.find((event) => 'progress' in event)).toMatchObject({ next: { offset: 4 } })
      await again.close()
    }
    const moved = await process(open()).begin(new Map(state))
    await moved.until(() => moved.values.length === 6)
    await moved.acknowledge()
    expect(await committed(group, topic)).toEqual({ 0: '10' })
  })
})

test('a member whose epoch has gone on commits in the name of the new one', async () => {
  const topic = await places.topic(2)
  const settings = { topic, group: `g-${topic}`, groupProtocol: 'consumer' } as const
  relay.onAnswer = async (apiKey) => {
    if (apiKey === consumerGroupHeartbeat.key) await setTimeout(300)
  }
  const one = await process(places.source(settings, { connection: { bootstrap: relay.bootstrap } })).begin()
  await one.until(() => one.owned.length === 2)
  const two = await process(places.source(settings, { incarnation: 'two' })).begin()
  await one.until(() => one.owned.length === 1)
  // The broker has heard that it is given up, and counts a new epoch; the member has not heard of that yet.
  for (let i = 0; i < 10; i++) {
    for (const partition of [0, 1]) await places.write(topic, partition, texts(`${i} ${partition}`, 1))
  }
  await two.until(() => two.owned.length === 1 && two.values.length === 10)
  await one.until(() => one.values.length === 10)
  await one.acknowledge()
  await two.acknowledge()
  expect(await committed(settings.group, topic)).toEqual({ 0: '10', 1: '10' })
})
