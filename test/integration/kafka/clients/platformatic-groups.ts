import { deepEqual, ok } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import type { Feature } from '../features.ts'
import { platformaticClients } from './platformatic-clients.ts'
import { until } from './until.ts'

interface Member {
  readonly values: string[]
  owned(): number
  close(): Promise<void>
}

/** Groups of both protocols, and how a consumer waits. */
export function platformaticGroupChecks(
  address: string,
  resume: (options: object) => Promise<void>,
): Partial<Record<Feature, () => Promise<void>>> {
  const { connection, newTopic, send, values } = platformaticClients(address)

  async function member(groupId: string, topic: string, options: object): Promise<Member> {
    const consumer = new Consumer({ ...connection, groupId, deserializers: stringDeserializers, ...options })
    const streaming = { mode: 'committed', fallbackMode: 'earliest', autocommit: false, maxWaitTime: 100 } as const
    const stream = await consumer.consume({ topics: [topic], ...streaming })
    const read: string[] = []
    stream.on('data', (message) => {
      read.push(String(message.value))
      void message.commit()
    })
    const owned = () => consumer.assignments?.flatMap(({ partitions }) => partitions).length ?? 0
    return { values: read, owned, close: () => consumer.close(true) }
  }

  async function share(options: object): Promise<void> {
    const topic = await newTopic(6)
    const groupId = randomUUID()
    const members: Member[] = []
    try {
      for (let index = 0; index < 3; index++) members.push(await member(groupId, topic, options))
      await until('two partitions each', () => members.every((one) => one.owned() === 2))
      const sent = values('v', 60)
      for (const value of sent) await send(topic, [value])
      // Perhaps twice: a fetch that has been on its way since before the last rebalance is still taken.
      const read = () => new Set(members.flatMap((one) => one.values))
      await until('all are read', () => read().size >= sent.length)
      deepEqual([...read()].sort(), sent.sort())
      await members.shift()?.close()
      await until('three partitions each', () => members.every((one) => one.owned() === 3))
    } finally {
      for (const one of members) await one.close()
    }
  }

  return {
    group: () => share({ groupProtocol: 'classic', heartbeatInterval: 100, sessionTimeout: 10_000 }),
    kip848: async () => {
      await share({ groupProtocol: 'consumer' })
      await resume({ groupProtocol: 'consumer' })
    },
    longPoll: async () => {
      const topic = await newTopic()
      const consumer = new Consumer({ ...connection, groupId: topic, deserializers: stringDeserializers })
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest', maxWaitTime: 20_000 })
      const seen: unknown[] = []
      stream.on('data', (message) => void seen.push(message.value))
      await send(topic, ['first'])
      await until('the first is read', () => seen.length === 1)
      const start = Date.now()
      await send(topic, ['second'])
      await until('the second is read', () => seen.length === 2)
      ok(Date.now() - start < 10_000)
      await consumer.close(true)
    },
  }
}
