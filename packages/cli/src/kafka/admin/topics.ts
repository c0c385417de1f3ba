import { ProtocolError } from '@headrace/adapters/kafka'
import { createPartitions, createTopics, deleteTopics, ZERO_UUID } from '@headrace/broker/protocol'
import { formatCounted } from '../../output/format.ts'
import type { KafkaCluster, TopicMetadata } from '../cluster.ts'
import { TopicExistsError } from '../errors.ts'
import { refusal } from './refusal.ts'

const UNKNOWN_TOPIC_OR_PARTITION = 3
const INVALID_TOPIC = 17
const TOPIC_ALREADY_EXISTS = 36
const NOT_CONTROLLER = 41

/** The first version of DeleteTopics that can name topics by id, in another field. */
const FIRST_DELETE_BY_ID = 6

const TIMEOUT_MS = 30_000

/** Leaves the choice to the cluster. */
const BROKER_DEFAULT = -1

export interface TopicSummary {
  readonly topic: string
  /** Null from brokers that give topics no ids. */
  readonly id: string | null
  readonly partitions: number
  readonly replicationFactor: number
  readonly internal: boolean
}

export interface NewTopic {
  readonly partitions?: number | undefined
  readonly replicationFactor?: number | undefined
  readonly configs: Readonly<Record<string, string>>
  /** Only asks whether it could be made. */
  readonly dryRun: boolean
}

/** All topics by name; those that Kafka keeps for itself only if asked. */
export async function listTopics(cluster: KafkaCluster, withInternal: boolean): Promise<TopicSummary[]> {
  const topics = await cluster.topics(null)
  return topics
    .map(summaryOf)
    .filter(({ internal }) => withInternal || !internal)
    .sort((a, b) => (a.topic < b.topic ? -1 : 1))
}

export function summaryOf({ name, topicId, partitions, isInternal }: TopicMetadata): TopicSummary {
  return {
    topic: name ?? '',
    id: topicId === ZERO_UUID ? null : topicId,
    partitions: partitions.length,
    replicationFactor: Math.max(0, ...partitions.map(({ replicaNodes }) => replicaNodes.length)),
    internal: isInternal || (name ?? '').startsWith('__'),
  }
}

/** Makes a topic, waits until it can be used, and gives its replicas where the cluster tells them. Throws TOPIC_EXISTS, KAFKA_REQUEST_FAILED. */
export async function createTopic(cluster: KafkaCluster, name: string, wanted: NewTopic): Promise<number | undefined> {
  const operation = `create topic "${name}"`
  const { partitions = BROKER_DEFAULT, replicationFactor = BROKER_DEFAULT, dryRun } = wanted
  const asked = {
    name,
    numPartitions: partitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(wanted.configs).map(([key, value]) => ({ name: key, value })),
  }
  const body = { topics: [asked], timeoutMs: TIMEOUT_MS, validateOnly: dryRun }
  const answer = await cluster.request(createTopics, body, 'controller', operation, ({ topics }) =>
    assertController(topics[0]?.errorCode),
  )
  const [created] = answer.topics
  if (created?.errorCode === TOPIC_ALREADY_EXISTS) throw new TopicExistsError({ topic: name })
  if (created !== undefined && created.errorCode !== 0) throw refusal(created, operation)
  if (!dryRun) await untilTold(cluster, name, hasLeaders)
  return created === undefined || created.replicationFactor < 0 ? undefined : created.replicationFactor
}

/** Deletes a topic with all its records. Throws TOPIC_UNKNOWN, KAFKA_REQUEST_FAILED. */
export async function deleteTopic(cluster: KafkaCluster, name: string): Promise<void> {
  const operation = `delete topic "${name}"`
  const isById = cluster.version(deleteTopics) >= FIRST_DELETE_BY_ID
  const named = isById ? { topics: [{ name, topicId: ZERO_UUID }] } : { topicNames: [name] }
  const body = { ...named, timeoutMs: TIMEOUT_MS }
  const answer = await cluster.request(deleteTopics, body, 'controller', operation, ({ responses }) =>
    assertController(responses[0]?.errorCode),
  )
  const [deleted] = answer.responses
  if (deleted === undefined || deleted.errorCode === 0) {
    await untilTold(cluster, name, (found) => found === undefined || found.errorCode !== 0)
    return
  }
  if ([UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC].includes(deleted.errorCode)) throw await cluster.unknownTopic(name)
  throw refusal(deleted, operation)
}

/** Gives a topic more partitions: `count` in all. */
export async function growTopic(cluster: KafkaCluster, name: string, count: number, dryRun: boolean): Promise<void> {
  const operation = `give topic "${name}" ${formatCounted(count, 'partition')}`
  const body = { topics: [{ name, count, assignments: null }], timeoutMs: TIMEOUT_MS, validateOnly: dryRun }
  const answer = await cluster.request(createPartitions, body, 'controller', operation, ({ results }) =>
    assertController(results[0]?.errorCode),
  )
  const [grown] = answer.results
  if (grown !== undefined && grown.errorCode !== 0) throw refusal(grown, operation)
  if (!dryRun) await untilTold(cluster, name, (found) => hasLeaders(found) && found?.partitions.length === count)
}

// A cluster tells of a change a moment after it has agreed to it.
async function untilTold(
  cluster: KafkaCluster,
  name: string,
  isSo: (found: TopicMetadata | undefined) => boolean,
): Promise<void> {
  const notYet = new ProtocolError(UNKNOWN_TOPIC_OR_PARTITION)
  await cluster.patiently(`tell of the change to topic "${name}"`, async () => {
    const [found] = await cluster.topics([name])
    if (!isSo(found)) throw notYet
  })
}

function hasLeaders(found: TopicMetadata | undefined): boolean {
  return found?.errorCode === 0 && found.partitions.every(({ leaderId }) => leaderId >= 0)
}

/** Asks again where the controller has moved. */
function assertController(errorCode: number | undefined): void {
  if (errorCode === NOT_CONTROLLER) throw new ProtocolError(NOT_CONTROLLER)
}
