import {
  type Api,
  apiVersions,
  COORDINATOR_KEY_TYPE,
  type Encodable,
  fetch,
  findCoordinator,
  listOffsets,
  metadata,
  offsetCommit,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { BrokerConnection } from './broker-connection.ts'
import { addressesOf, type KafkaConnection } from './config.ts'
import { BrokerUnsupportedError, TopicMissingError } from './errors.ts'
import { assertNoError, INVALID_TOPIC, UNKNOWN_TOPIC_OR_PARTITION } from './protocol-errors.ts'
import { ResponseBufferPool } from './response-receiver.ts'
import { similarNames } from './similar-names.ts'
import type { BrokerAddress } from './sockets.ts'
import { translateKafkaError } from './translate.ts'

/** The one version of ApiVersions that every broker since 0.11 and every client can speak. */
const API_VERSIONS_VERSION = 2

/** Versions of Fetch from here on name topics by id alone. */
const FIRST_FETCH_BY_ID = 13

/** The first version of FindCoordinator that takes several keys. */
const FIRST_BATCHED_FIND = 4

type Fields = Api['request']

/** What a topic is made of. */
export interface TopicLayout {
  /** Undefined from brokers that give topics no ids (before Kafka 2.8). */
  readonly topicId: string | undefined
  /** The leader of each partition, by partition number. */
  readonly leaders: readonly BrokerAddress[]
}

interface OpenedConnection {
  readonly connection: BrokerConnection
  readonly opened: Promise<void>
}

/** Everything but fetching: metadata, offsets, commits, over connections of its own. Throws this adapter's catalogue errors. */
export class KafkaClient {
  readonly bootstrap: string
  readonly #connection: KafkaConnection
  readonly #buffers = new ResponseBufferPool(0)
  readonly #connections = new Map<string, OpenedConnection>()
  #versions: ReadonlyMap<number, readonly [number, number]> = new Map()
  #isClosed = false

  constructor(connection: KafkaConnection) {
    this.#connection = connection
    this.bootstrap = addressesOf(connection)
      .map(({ host, port }) => `${host}:${port}`)
      .join(',')
  }

  /** Learns what the brokers speak. To be called first. */
  async connect(): Promise<void> {
    await this.#translated('list its versions', async () => {
      const broker = await this.#anyBroker()
      const answer = await broker.request(apiVersions, API_VERSIONS_VERSION, {})
      assertNoError(answer.errorCode)
      this.#versions = new Map(answer.apiKeys.map((api) => [api.apiKey, [api.minVersion, api.maxVersion]]))
    })
  }

  /** The version of Fetch to use for a topic. */
  fetchVersion(layout: TopicLayout): number {
    const version = this.#version(fetch)
    return layout.topicId === undefined ? Math.min(version, FIRST_FETCH_BY_ID - 1) : version
  }

  async topicLayout(topic: string): Promise<TopicLayout> {
    return this.#translated(`describe topic "${topic}"`, async () => {
      const answer = await this.#metadata([topic])
      const [found] = answer.topics
      if (found === undefined || [UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC].includes(found.errorCode)) {
        throw await this.#topicMissing(topic)
      }
      assertNoError(found.errorCode)
      const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
      const leaders = found.partitions
        .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
        .map(({ partitionIndex, leaderId }) => {
          const leader = brokers.get(leaderId)
          if (leader === undefined) throw new Error(`partition ${topic}/${partitionIndex} has no leader`)
          return leader
        })
      return { topicId: found.topicId === ZERO_UUID ? undefined : found.topicId, leaders }
    })
  }

  /** By partition: the first offset at or after that time (ms), −1 for none; instead of a time, a value of `OFFSET_SPEC`. */
  async listOffsets(
    topic: string,
    { leaders }: TopicLayout,
    asked: ReadonlyMap<number, number>,
    isolationLevel: 0 | 1,
  ): Promise<Map<number, number>> {
    const byLeader = Map.groupBy(asked, ([index]) => leaders[index])
    const ask = async (leader: BrokerAddress, timestamps: readonly (readonly [number, number])[]) => {
      const broker = await this.#broker(leader)
      const partitions = timestamps.map(([partitionIndex, timestamp]) => ({ partitionIndex, timestamp }))
      const topics = [{ name: topic, partitions }]
      const answer = await broker.request(listOffsets, this.#version(listOffsets), { isolationLevel, topics })
      return answer.topics.flatMap((one) => one.partitions)
    }
    return this.#translated(`list the offsets of topic "${topic}"`, async () => {
      const asking = [...byLeader].map(([leader, timestamps]) => (leader === undefined ? [] : ask(leader, timestamps)))
      const listed = (await Promise.all(asking)).flat()
      for (const { errorCode } of listed) assertNoError(errorCode)
      return new Map(listed.map(({ partitionIndex, offset }) => [partitionIndex, offset]))
    })
  }

  async commit(groupId: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
      partitionIndex,
      committedOffset,
      committedMetadata: null,
    }))
    await this.#translated(`commit offsets of group "${groupId}"`, async () => {
      const broker = await this.#broker(await this.#coordinator(groupId))
      const body = { groupId, topics: [{ name: topic, partitions }] }
      const answer = await broker.request(offsetCommit, this.#version(offsetCommit), body)
      for (const { errorCode } of answer.topics.flatMap((one) => one.partitions)) assertNoError(errorCode)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const { connection } of this.#connections.values()) connection.close()
    this.#connections.clear()
  }

  /** Any error as this adapter's own; `operation` completes "Kafka refuses to …". */
  translate(error: unknown, operation: string): Error {
    return translateKafkaError(error, { bootstrap: this.bootstrap, operation })
  }

  async #metadata(topics: readonly string[] | null) {
    const broker = await this.#anyBroker()
    return broker.request(metadata, this.#version(metadata), {
      topics: topics?.map((name) => ({ topicId: ZERO_UUID, name })) ?? null,
      allowAutoTopicCreation: false,
    })
  }

  async #topicMissing(topic: string): Promise<Error> {
    const { topics } = await this.#metadata(null)
    const names = topics.filter(({ isInternal }) => !isInternal).map(({ name }) => name ?? '')
    return new TopicMissingError({ topic, similar: similarNames(topic, names) })
  }

  async #coordinator(groupId: string): Promise<BrokerAddress> {
    const version = this.#version(findCoordinator)
    const keyType = COORDINATOR_KEY_TYPE.group
    const body: Encodable<typeof findCoordinator.request> =
      version < FIRST_BATCHED_FIND ? { key: groupId, keyType } : { coordinatorKeys: [groupId], keyType }
    const answer = await (await this.#anyBroker()).request(findCoordinator, version, body)
    const found = version < FIRST_BATCHED_FIND ? answer : (answer.coordinators[0] ?? answer)
    assertNoError(found.errorCode)
    return { host: found.host, port: found.port }
  }

  /** The highest version that both sides know. */
  #version(api: Api<Fields, Fields>): number {
    const [first, last] = this.#versions.get(api.key) ?? [0, -1]
    const version = Math.min(last, api.versions[1])
    if (version >= Math.max(first, api.versions[0])) return version
    const reason = `it speaks ${api.name} up to version ${last}, ${api.versions[0]} is needed`
    throw new BrokerUnsupportedError({ bootstrap: this.bootstrap, reason })
  }

  /** The first address of the bootstrap list that answers. */
  async #anyBroker(): Promise<BrokerConnection> {
    const failures: unknown[] = []
    for (const address of addressesOf(this.#connection)) {
      try {
        return await this.#broker(address)
      } catch (error) {
        failures.push(error)
      }
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'no broker answers')
  }

  async #broker(address: BrokerAddress): Promise<BrokerConnection> {
    if (this.#isClosed) throw new Error('the client was closed')
    const key = `${address.host}:${address.port}`
    const known = this.#connections.get(key)
    if (known !== undefined) {
      await known.opened
      if (known.connection.isOpen) return known.connection
    }
    const connection = new BrokerConnection(this.#connection, this.#buffers)
    const opened = connection.open(address)
    this.#connections.set(key, { connection, opened })
    opened.catch(() => this.#connections.delete(key))
    await opened
    return connection
  }

  async #translated<T>(operation: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw this.translate(error, operation)
    }
  }
}
