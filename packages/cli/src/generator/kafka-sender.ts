import { Kafka, type KafkaConfig, logLevel, type Producer } from 'kafkajs'
import { KafkaTargetError } from '../errors.ts'
import type { Sender } from './sender.ts'
import type { PlannedRecord } from './trade-plan.ts'

export interface KafkaTopic {
  readonly bootstrap: readonly string[]
  readonly topic: string
  /** For a topic that does not exist yet. */
  readonly partitions: number
}

/** kafkajs without its log lines, and with few retries: a broker that is not there should be said within seconds. */
export function kafkaClient(bootstrap: readonly string[], settings: Partial<KafkaConfig> = {}): Kafka {
  return new Kafka({
    clientId: 'headrace-cli',
    brokers: [...bootstrap],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3000,
    retry: { retries: 3, initialRetryTime: 100 },
    ...settings,
  })
}

/** Makes the topic where it is missing; gives how many partitions it has. Throws GENERATE_KAFKA_FAILED. */
export async function ensureTopic({ bootstrap, topic, partitions }: KafkaTopic): Promise<number> {
  const admin = kafkaClient(bootstrap).admin()
  try {
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] })
    return metadata.topics[0]?.partitions.length ?? partitions
  } catch (cause) {
    throw failure(bootstrap, topic, cause)
  } finally {
    await admin.disconnect()
  }
}

/** Sends to a topic that exists, each record to the partition it was planned for, acknowledged by all replicas. */
export async function openKafkaSender({ bootstrap, topic }: Omit<KafkaTopic, 'partitions'>): Promise<Sender> {
  const producer = kafkaClient(bootstrap).producer({ allowAutoTopicCreation: false })
  try {
    await producer.connect()
  } catch (cause) {
    throw failure(bootstrap, topic, cause)
  }
  return new KafkaSender(producer, bootstrap, topic)
}

class KafkaSender implements Sender {
  readonly #producer: Producer
  readonly #bootstrap: readonly string[]
  readonly #topic: string

  constructor(producer: Producer, bootstrap: readonly string[], topic: string) {
    this.#producer = producer
    this.#bootstrap = bootstrap
    this.#topic = topic
  }

  async send(records: readonly PlannedRecord[]): Promise<void> {
    const messages = records.map(({ key, partition, value, timestampMs }) => ({
      key,
      partition,
      value: typeof value === 'string' ? value : Buffer.from(value),
      timestamp: String(timestampMs),
    }))
    try {
      await this.#producer.send({ topic: this.#topic, messages, acks: -1 })
    } catch (cause) {
      throw failure(this.#bootstrap, this.#topic, cause)
    }
  }

  async close(): Promise<void> {
    await this.#producer.disconnect()
  }
}

function failure(bootstrap: readonly string[], topic: string, cause: unknown): KafkaTargetError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new KafkaTargetError({ bootstrap: bootstrap.join(','), topic, reason }, { cause })
}
