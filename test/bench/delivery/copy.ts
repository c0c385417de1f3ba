import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { untilSettled } from '../../support/until-settled.ts'
import { runPipelineProcess } from '../pipelines/processes.ts'
import type { LoadedBroker, Scene } from '../pipelines/scene.ts'
import type { Usage } from '../pipelines/usage.ts'
import { TOPIC } from '../pipelines/workloads.ts'
import { isEachOnce } from './each-once.ts'

const PARTITIONS = 4

export type Delivery = 'atLeastOnce' | 'exactlyOnce'

interface CopyOptions {
  readonly scene: Scene
  readonly broker: LoadedBroker
  readonly epochRecords: number
  readonly profile: string | undefined
}

interface Copy extends CopyOptions {
  readonly delivery: Delivery
  readonly topic: string
}

/** A run that counts for nothing but the compile cache, and the coordinators that a cluster makes when first asked. */
export async function prepare(options: CopyOptions): Promise<void> {
  const { exact } = await runCopy({ ...options, profile: undefined, delivery: 'exactlyOnce', topic: 'prepare' })
  if (!exact) throw new Error('the first run did not copy every record once')
}

/** Copies all of the scene's records into a topic of their own, and looks whether each came once. */
export async function runCopy({
  scene,
  broker,
  epochRecords,
  profile,
  delivery,
  topic,
}: Copy): Promise<Usage & { exact: boolean }> {
  const kafka = new Kafka({ brokers: [broker.bootstrap], clientId: 'reader', logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] })
  const data = join(scene.directory, topic)
  const usage = await runPipelineProcess(pipeline({ epochRecords, delivery, topic }), scene, broker, data, profile)
  await untilSettled(broker.bootstrap, topic, PARTITIONS)
  const exact = await isEachOnce(kafka, topic, scene.records)
  await admin.deleteTopics({ topics: [topic] })
  await admin.disconnect()
  await rm(data, { recursive: true, force: true })
  return { ...usage, exact }
}

function pipeline({ epochRecords, delivery, topic }: Pick<Copy, 'epochRecords' | 'delivery' | 'topic'>): string {
  return `name: copy
source:
  kafka: { topic: ${TOPIC}, start: earliest }
  decode:
    json: { columns: { tid: bigint, uno: varchar, pno: varchar, tnum: integer, tuptime: timestamp } }
steps:
  - filter: tnum > 0
trigger: { maxRecords: ${epochRecords} }
sinks:
  - kafka: { topic: ${topic}, key: uno, delivery: ${delivery} }
`
}
