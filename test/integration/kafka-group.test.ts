import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Position, Positions, Source } from '@headrace/core'
import { SourceReader, type SourceRecord } from '@headrace/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { KafkaPlaces } from './support/kafka-places.ts'
import { type KafkaUnderTest, startKafka } from './support/kafka-under-test.ts'

let kafka: KafkaUnderTest | undefined
let places: KafkaPlaces
let folder: string
const closing: { close(): Promise<void> }[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-kafka-group-'))
  kafka = await startKafka(folder)
  places = await KafkaPlaces.open(kafka.address)
})
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
  places.logged.length = 0
})
afterAll(async () => {
  await places?.close()
  await kafka?.stop()
  await rm(folder, { recursive: true, force: true })
})

const texts = (prefix: string, count: number): SourceRecord[] =>
  Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`${prefix} ${i}`), timestamp: 1_700_000_000_000 + i }))

/** A process as the engine would be: it reads on, and says after each event that its sinks hold what it has read. */
class Process {
  readonly reader: SourceReader
  readonly #acknowledges: boolean
  #news: (() => void) | undefined
  #failure: unknown
  #work: Promise<void> | undefined

  constructor(source: Source, acknowledges = true) {
    this.reader = new SourceReader(source)
    this.#acknowledges = acknowledges
    closing.push(this)
  }

  async begin(from: Positions = new Map()): Promise<this> {
    await this.reader.begin(from)
    this.#work = this.#run()
    return this
  }

  get values(): string[] {
    return [...this.reader.records.values()].flat().map(({ value }) => value ?? '')
  }

  /** The partitions that the last assignment names. */
  get owned(): readonly string[] {
    return this.reader.events.reduce<readonly string[]>((owned, event) => {
      if ('assigned' in event) return event.assigned
      return 'revoked' in event ? owned.filter((name) => !event.revoked.includes(name)) : owned
    }, [])
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#news = resolve
      })
    }
  }

  acknowledge(): Promise<void> {
    return this.reader.source.acknowledge(this.reader.positions)
  }

  /** As if the process were killed: it is not heard of any more, and the group is not told. */
  async close(): Promise<void> {
    await this.reader.close()
    await this.#work
  }

  async #run(): Promise<void> {
    try {
      while ((await this.reader.next()) !== undefined) {
        if (this.#acknowledges) await this.acknowledge()
        this.#news?.()
      }
    } catch (error) {
      this.#failure = error
      this.#news?.()
    }
  }
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
    const first = await new Process(open('one')).begin()
    await first.until(() => first.values.length === 200)
    expect(first.owned).toHaveLength(4)
    const second = await new Process(open('two')).begin()
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
    const first = await new Process(
      places.source({ topic, group, groupProtocol }, { incarnation: 'one' }),
      false,
    ).begin()
    await first.until(() => first.values.length === 40)
    expect(await committed(group, topic)).toEqual({ 0: '0', 1: '0' })
    const second = await new Process(places.source({ topic, group, groupProtocol }, { incarnation: 'two' })).begin()
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
    const first = await new Process(
      places.source({ topic, group, groupProtocol }, { incarnation: 'one' }),
      false,
    ).begin()
    await first.until(() => first.values.length === 10)
    const state = new Map<string, Position>(first.reader.positions)
    await first.close()
    await places.write(topic, 0, texts('b', 1))
    const again = await new Process(places.source({ topic, group, groupProtocol }, { incarnation: 'one' })).begin(state)
    await again.until(() => again.values.length === 1)
    expect(again.reader.of(name)[0]?.ordinal).toBe(10)
    await again.close()
    const other = await new Process(
      places.source({ topic, group, groupProtocol }, { incarnation: 'two' }),
      false,
    ).begin()
    await other.until(() => other.owned.length === 1)
    await other.close()
    await places.write(topic, 0, texts('c', 1))
    const late = await new Process(places.source({ topic, group, groupProtocol }, { incarnation: 'one' })).begin(
      new Map([[name, { offset: 4 }]]),
    )
    await late.until(() => late.values.length === 1)
    expect(late.reader.of(name)[0]?.ordinal).toBe(11)
  })

  test('new partitions are handed out too', async () => {
    const topic = await places.topic(1)
    const settings = { topic, group: `g-${topic}`, groupProtocol, metadataMaxAge: '100 ms' }
    const one = await new Process(places.source(settings)).begin()
    await one.until(() => one.owned.length === 1)
    await places.admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    await one.until(() => one.owned.length === 3)
    await places.write(topic, 2, texts('new', 1))
    await one.until(() => one.values.length === 1)
  })
})
