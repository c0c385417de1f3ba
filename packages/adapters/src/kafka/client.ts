import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { Admin, Connection, type ConnectionOptions } from '@platformatic/kafka'
import { bootstrapList, type KafkaConnection } from './config.ts'
import { TopicMissingError } from './errors.ts'
import { similarNames } from './similar-names.ts'
import { isUnknownTopic, translateKafkaError } from './translate.ts'

/** How long a connection attempt may take, in ms. */
export const CONNECT_TIMEOUT_MS = 5_000

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** What a topic is made of. */
export interface TopicLayout {
  /** Undefined from brokers that give topics no ids (before Kafka 2.8). */
  readonly topicId: string | undefined
  /** The leader of each partition, by partition number. */
  readonly leaders: readonly BrokerAddress[]
}

/** What the vendor's clients are opened with; also for those that this file does not open. */
export function clientOptions(connection: KafkaConnection) {
  return {
    clientId: connection.clientId,
    bootstrapBrokers: [...bootstrapList(connection)],
    // The engine tries again, and says so; a client that retries silently only makes errors late.
    retries: 0,
    autocreateTopics: false,
    ...securityOptions(connection),
  }
}

function securityOptions({ ssl, sasl }: KafkaConnection): ConnectionOptions {
  const options: ConnectionOptions = { connectTimeout: CONNECT_TIMEOUT_MS }
  if (ssl !== undefined && ssl !== false) {
    options.tls = ssl === true ? {} : definedOnly(ssl)
    options.tlsServerName = true
  }
  if (sasl !== undefined) options.sasl = sasl
  return options
}

function definedOnly(options: TlsOptions): TlsOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** Everything but fetching: metadata, offsets, commits. Throws this adapter's catalogue errors. */
export class KafkaClient {
  readonly bootstrap: string
  readonly #connection: KafkaConnection
  readonly #admin: Admin

  constructor(connection: KafkaConnection) {
    this.#connection = connection
    this.bootstrap = bootstrapList(connection).join(',')
    this.#admin = new Admin(clientOptions(connection))
  }

  /** The highest version of Fetch that the brokers speak. */
  async fetchVersion(): Promise<number> {
    const apis = await this.#translated('list APIs', () => this.#admin.listApis())
    return apis.find((api) => api.name === 'Fetch')?.maxVersion ?? 0
  }

  async topicLayout(topic: string): Promise<TopicLayout> {
    try {
      const metadata = await this.#admin.metadata({ topics: [topic], forceUpdate: true })
      const found = metadata.topics.get(topic)
      if (found === undefined) throw await this.#topicMissing(topic)
      const leaders = found.partitions.map(({ leader }, index) => {
        const broker = metadata.brokers.get(leader)
        if (broker === undefined) throw this.unreachable(`partition ${topic}/${index} has no leader`)
        return { host: broker.host, port: broker.port }
      })
      // Metadata without ids: the client puts the name in their place.
      return { topicId: found.id === topic ? undefined : found.id, leaders }
    } catch (error) {
      if (isUnknownTopic(error)) throw await this.#topicMissing(topic, error)
      throw this.translate(error, `describe topic "${topic}"`)
    }
  }

  /** By partition: the first offset at or after that time (ms), −1 for none; `-1n` asks for the end, `-2n` for the first. */
  async listOffsets(
    topic: string,
    asked: ReadonlyMap<number, bigint>,
    isolationLevel: 0 | 1,
  ): Promise<Map<number, number>> {
    if (asked.size === 0) return new Map()
    const partitions = [...asked].map(([partitionIndex, timestamp]) => ({ partitionIndex, timestamp }))
    const topics = await this.#translated(`list the offsets of topic "${topic}"`, () =>
      this.#admin.listOffsets({ topics: [{ name: topic, partitions }], isolationLevel }),
    )
    const listed = topics.flatMap((one) => one.partitions)
    return new Map(listed.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]))
  }

  async commit(groupId: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const partitionOffsets = [...offsets].map(([partition, offset]) => ({ partition, offset: BigInt(offset) }))
    await this.#translated(`commit offsets of group "${groupId}"`, () =>
      this.#admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] }),
    )
  }

  /** A connection of one's own to a broker, authenticated as this client is. */
  async openConnection(broker: BrokerAddress): Promise<Connection> {
    const connection = new Connection(this.#connection.clientId, securityOptions(this.#connection))
    // Errors come back from the call; without a listener they would also end the process.
    connection.on('error', () => undefined)
    await this.#translated(`connect to ${broker.host}:${broker.port}`, async () => {
      await connection.connect(broker.host, broker.port)
    })
    return connection
  }

  async close(): Promise<void> {
    await this.#admin.close()
  }

  /** An error of the vendor's as this adapter's own; `operation` completes "Kafka refuses to …". */
  translate(error: unknown, operation: string): Error {
    return translateKafkaError(error, { bootstrap: this.bootstrap, operation })
  }

  unreachable(reason: string, cause?: unknown): Error {
    return translateKafkaError(new Error(reason, { cause }), { bootstrap: this.bootstrap, operation: 'answer' })
  }

  async #topicMissing(topic: string, cause?: unknown): Promise<Error> {
    const topics = await this.#translated('list topics', () => this.#admin.listTopics())
    return new TopicMissingError({ topic, similar: similarNames(topic, topics) }, { cause })
  }

  async #translated<T>(operation: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw this.translate(error, operation)
    }
  }
}
