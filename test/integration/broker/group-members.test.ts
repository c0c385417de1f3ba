import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Admin, AssignerProtocol, type Consumer, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BrokerProcess } from './broker-process.ts'

const GROUP = 'g'
const TOPIC = 't'
const PARTITIONS = 6

let dataDir: string
let broker: BrokerProcess
let admin: Admin
let producer: Producer
let sent = 0
/** How often each value was seen, by whichever member. */
let seen: Map<string, number>
const members: Member[] = []

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-members-'))
  broker = await BrokerProcess.start(dataDir)
  const kafka = new Kafka({ brokers: [broker.address], clientId: 'test', logLevel: logLevel.NOTHING })
  admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }] })
  producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  sent = 0
  seen = new Map()
})

afterEach(async () => {
  for (const member of members.splice(0)) await member.leave()
  await producer.disconnect()
  await admin.disconnect()
  await broker.end('SIGKILL')
  await rm(dataDir, { recursive: true })
})

/** One consumer with connections of its own, which a test can cut for good. */
class Member {
  readonly #consumer: Consumer
  readonly #sockets = new Set<Socket>()
  #isCut = false

  constructor() {
    const kafka = new Kafka({
      brokers: [broker.address],
      clientId: 'member',
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 10, maxRetryTime: 500, restartOnFailure: async () => !this.#isCut },
      socketFactory: ({ host, port, onConnect }) => {
        const socket = connect({ host, port }, onConnect)
        this.#sockets.add(socket)
        if (this.#isCut) socket.destroy()
        return socket
      },
    })
    this.#consumer = kafka.consumer({
      groupId: GROUP,
      sessionTimeout: 1500,
      rebalanceTimeout: 5000,
      heartbeatInterval: 100,
      maxWaitTimeInMs: 100,
    })
    members.push(this)
  }

  async start(): Promise<this> {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topic: TOPIC, fromBeginning: true })
    await this.#consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async ({ message }) => {
        const value = String(message.value)
        if (!this.#isCut) seen.set(value, (seen.get(value) ?? 0) + 1)
      },
    })
    return this
  }

  /** From the broker's side this is a process that is gone: it says nothing any more, not even that it leaves. */
  crash(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  async leave(): Promise<void> {
    if (!this.#isCut) await this.#consumer.disconnect()
  }
}

/** Waits until the group is settled with so many members, and looks at who has what. */
async function settled(size: number): Promise<void> {
  const describe = async () => (await admin.describeGroups([GROUP])).groups[0]
  await expect
    .poll(
      async () => {
        const group = await describe()
        return [group?.state, group?.members.length]
      },
      { timeout: 30_000 },
    )
    .toEqual(['Stable', size])
  const group = await describe()
  const owned = group?.members.map(
    ({ memberAssignment }) => AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[TOPIC] ?? [],
  )
  expect(owned?.flat().sort()).toEqual([...Array(PARTITIONS).keys()])
  expect(owned?.map(({ length }) => length)).toEqual(Array.from({ length: size }, () => PARTITIONS / size))
}

async function produce(count: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => ({
    partition: (sent + index) % PARTITIONS,
    value: `${sent + index}`,
  }))
  await producer.send({ topic: TOPIC, messages })
  sent += count
}

const allSeen = () => expect.poll(() => seen.size, { timeout: 30_000 }).toBe(sent)

test('members come, crash and leave; each partition has one reader, and nothing is lost', async () => {
  const first = await new Member().start()
  await settled(1)
  await produce(60)
  const [, third] = await Promise.all([new Member().start(), new Member().start()])
  await settled(3)
  await produce(60)
  await allSeen()
  first.crash()
  await produce(60)
  await settled(2)
  await allSeen()
  await third?.leave()
  members.splice(members.indexOf(third as Member), 1)
  await settled(1)
  await produce(60)
  await allSeen()
})

test('a group lives through the death of the broker and goes on where it was', async () => {
  await Promise.all([new Member().start(), new Member().start()])
  await settled(2)
  await produce(60)
  await allSeen()
  const committed = async () => {
    const [topic] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] })
    return topic?.partitions.reduce((sum, { offset }) => sum + Number(offset), 0)
  }
  await expect.poll(committed).toBe(60)
  const port = broker.port
  await broker.end('SIGKILL')
  broker = await BrokerProcess.start(dataDir, '--port', port)
  await settled(2)
  await produce(60)
  await allSeen()
  expect([...seen.values()].every((times) => times === 1)).toBe(true)
})
