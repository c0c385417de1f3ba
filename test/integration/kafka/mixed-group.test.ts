import { randomUUID } from 'node:crypto'
import { AssignerProtocol, type Cluster, Kafka, logLevel, Partitioners } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeTopic } from '../../support/make-topic.ts'
import { RunningProgram } from '../../support/running-program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { startKafka } from '../support/kafka-under-test.ts'
import { javaArguments, javaPrograms } from './clients/java.ts'
import { librdkafka, PYTHON_MEMBER } from './clients/python.ts'
import { until } from './clients/until.ts'

const folder = temporaryFolder('headrace-mixed-group-')
const java = await javaPrograms()
const python = await librdkafka()
const missing = java.missing ?? python.missing

const PARTITIONS = 6

interface Member {
  readonly values: readonly string[]
  owned(): readonly number[]
  leave(): Promise<void>
}

function programOf(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Member {
  const program = new RunningProgram<{ owned?: number[]; read?: string }>(command, args, {
    parse: JSON.parse,
    ...(env && { env }),
  })
  onTestFinished(() => program.end('SIGKILL'))
  return {
    get values() {
      return program.lines.flatMap(({ read }) => read ?? [])
    },
    owned: () => program.lines.findLast(({ owned }) => owned !== undefined)?.owned ?? [],
    leave: () => {
      program.endInput()
      return program.ended
    },
  }
}

/** kafkajs has no assignor that others have, but takes one that is brought along. */
const rangeAssigner = ({ cluster }: { cluster: Cluster }) => ({
  name: 'range',
  version: 0,
  protocol: ({ topics }: { topics: string[] }) => ({
    name: 'range',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
  assign: async ({
    members,
    topics,
  }: {
    members: { memberId: string; memberMetadata: Buffer }[]
    topics: string[]
  }) => {
    const ids = members.map(({ memberId }) => memberId).sort()
    return ids.map((memberId, index) => {
      const assignment = Object.fromEntries(
        topics.map((topic) => {
          const all = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
          const from = Math.ceil((index * all.length) / ids.length)
          return [topic, all.sort((a, b) => a - b).slice(from, Math.ceil(((index + 1) * all.length) / ids.length))]
        }),
      )
      return {
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 0,
          assignment,
          userData: Buffer.alloc(0),
        }),
      }
    })
  },
})

async function kafkajsMember(kafka: Kafka, topic: string, groupId: string): Promise<Member> {
  const consumer = kafka.consumer({
    groupId,
    partitionAssigners: [rangeAssigner],
    heartbeatInterval: 100,
    sessionTimeout: 10_000,
    maxWaitTimeInMs: 100,
  })
  onTestFinished(() => consumer.disconnect())
  const values: string[] = []
  let owned: number[] = []
  consumer.on('consumer.group_join', ({ payload }) => {
    owned = payload.memberAssignment[topic] ?? []
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ message }) => void values.push(String(message.value)),
  })
  return { values, owned: () => owned, leave: () => consumer.disconnect() }
}

describe.skipIf(missing !== undefined)(`one classic group${missing ? ` (needs ${missing})` : ''}`, () => {
  it('of the Java client, librdkafka and kafkajs: each partition has one owner, whoever leads and leaves', async () => {
    const broker = await startKafka(folder())
    onTestFinished(() => broker.stop())
    const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING })
    const topic = `mixed-${randomUUID()}`
    const groupId = `group-${topic}`
    const admin = kafka.admin()
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    onTestFinished(async () => void (await Promise.all([admin.disconnect(), producer.disconnect()])))
    await Promise.all([admin.connect(), producer.connect()])
    await makeTopic(admin, { topic, numPartitions: PARTITIONS })

    const sent: string[] = []
    const send = async (count: number) => {
      const values = Array.from({ length: count }, () => randomUUID())
      const messages = values.map((value, index) => ({ value, partition: index % PARTITIONS }))
      await producer.send({ topic, messages })
      sent.push(...values)
    }
    const everybody: Member[] = []
    const allRead = async () => {
      const read = () => new Set(everybody.flatMap(({ values }) => values))
      await until(`${sent.length} records are read`, () => read().size === sent.length)
      expect([...read()].sort()).toEqual(sent.toSorted())
    }
    const shared = (members: readonly Member[]) =>
      until(`${members.length} members share all partitions`, () => {
        const owned = members.map((member) => member.owned())
        const each = PARTITIONS / members.length
        return owned.every(({ length }) => length === each) && new Set(owned.flat()).size === PARTITIONS
      })

    // It leads, as the first.
    const javaMember = programOf('java', [
      ...javaArguments(java.classPath),
      'MemberMain',
      broker.address,
      groupId,
      topic,
    ])
    everybody.push(javaMember)
    await shared([javaMember])
    const pythonMember = programOf('python3', [PYTHON_MEMBER, broker.address, groupId, topic, 'range'], python.env)
    const ours = await kafkajsMember(kafka, topic, groupId)
    everybody.push(pythonMember, ours)
    await shared(everybody)
    await send(60)
    await allRead()

    await javaMember.leave()
    await shared([pythonMember, ours])
    await send(60)
    await allRead()

    await pythonMember.leave()
    await shared([ours])
    await send(60)
    await allRead()

    // kafkajs leads now.
    const again = programOf('java', [...javaArguments(java.classPath), 'MemberMain', broker.address, groupId, topic])
    everybody.push(again)
    await shared([ours, again])
    await send(60)
    await allRead()
    await Promise.all([again.leave(), ours.leave()])
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
    expect(offsets?.partitions.map(({ offset }) => offset)).toEqual(Array(PARTITIONS).fill('40'))
  }, 120_000)
})
