import type { SourceRecord } from '@headrace/core/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaRelay } from '../support/kafka-relay.ts'
import { GroupProcess } from './support/group-process.ts'
import type { SourceSettings } from './support/kafka-places.ts'
import { kafkaScene } from './support/kafka-scene.ts'

const { kafka, places, closing } = await kafkaScene()
let relay: KafkaRelay

beforeAll(async () => {
  relay = await KafkaRelay.start(kafka.address, 2)
})
afterAll(async () => {
  await relay?.close()
})

const texts = (...values: string[]): SourceRecord[] =>
  values.map((value, i) => ({ value: Buffer.from(value), timestamp: 1_700_000_000_000 + i }))

/** Reads by way of the relay: partition 1 is led by its second address, all else is at the first. */
async function reading(settings: SourceSettings): Promise<GroupProcess> {
  relay.leaderOf = (partition) => partition % 2
  relay.coordinator = 0
  const made = new GroupProcess(places.source(settings, { connection: { bootstrap: relay.bootstrap } }))
  closing.push(made)
  return made.begin()
}

/** What happened to the partitions, in order. */
const moves = ({ reader }: GroupProcess) =>
  reader.events.flatMap((event) => ('assigned' in event ? ['assigned'] : 'revoked' in event ? ['revoked'] : []))

const told = (code: string | undefined) =>
  places.logged.filter((line) => line.code === code).map(({ message }) => message)

describe.each([undefined, 'classic', 'consumer'] as const)('groupProtocol: %s', (groupProtocol) => {
  const grouped = (topic: string) => (groupProtocol === undefined ? {} : { group: `g-${topic}`, groupProtocol })

  test('a broker that goes away: its partitions wait in place, the others are read on', async () => {
    const topic = await places.topic(2)
    const one = await reading({ topic, ...grouped(topic) })
    await places.write(topic, 1, texts('b0'))
    await one.until(() => one.values.length === 1)
    await relay.cut(1)
    await places.write(topic, 0, texts('a0'))
    await places.write(topic, 1, texts('b1'))
    await one.until(() => one.values.includes('a0'))
    expect(one.values).toEqual(expect.not.arrayContaining(['b1']))
    await relay.restore(1)
    await one.until(() => one.values.includes('b1'))
    expect(one.reader.of(`${topic}/1`).map(({ value }) => value)).toEqual(['b0', 'b1'])
    expect(moves(one)).toEqual(['assigned'])
    expect(told('KAFKA_UNREACHABLE')[0]).toMatch(
      new RegExp(
        `^${topic}/1 must wait: cannot reach Kafka at ${relay.bootstrap[1]}: .*\\(attempt 1; the next in 0.1 s\\)$`,
      ),
    )
    expect(told(undefined)).toContainEqual(`${topic}/1: read on, from ${relay.bootstrap[1]}`)
  })

  test('a leader and a coordinator that move, away from a broker that lives or dies: nothing is read twice', async () => {
    const topic = await places.topic(2)
    const one = await reading({ topic, ...grouped(topic) })
    const expected: string[] = []
    const write = async () => {
      expected.push(`b${expected.length}`)
      await places.write(topic, 1, texts(expected.at(-1) ?? ''))
    }
    const caughtUp = () => one.until(() => one.values.length === expected.length)
    await write()
    await caughtUp()
    for (const node of [0, 1, 0]) {
      relay.leaderOf = () => node
      relay.coordinator = node
      for (let i = 0; i < 3; i++) await write()
      await caughtUp()
    }
    expect(told('KAFKA_LEADER_CHANGED')[0]).toMatch(/\/1 must wait: .* \(NOT_LEADER_OR_FOLLOWER\) \(attempt 1;/)
    relay.leaderOf = () => 1
    relay.coordinator = 1
    await relay.cut(0)
    const isMissed = () => told('KAFKA_UNREACHABLE').some((message) => message.startsWith('group "'))
    if (groupProtocol !== undefined) await one.until(isMissed)
    await write()
    await caughtUp()
    await one.acknowledge()
    await relay.restore(0)
    expect(one.values).toEqual(expected)
    expect(moves(one)).toEqual(['assigned'])
  })
})
