import {
  type Api,
  apiVersions,
  COORDINATOR_KEY_TYPE,
  type Encodable,
  fetch,
  findCoordinator,
  metadata,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import type { HeadraceError } from '@headrace/core'
import { addressesOf } from '../addresses.ts'
import type { KafkaConnection } from '../config.ts'
import { BrokerUnsupportedError, TopicMissingError } from '../errors.ts'
import { partitionName } from '../position.ts'
import { BrokerConnection } from './broker-connection.ts'
import type { Layout, TopicLayout } from './layout.ts'
import { assertNoError, INVALID_TOPIC, UNKNOWN_TOPIC_OR_PARTITION } from './protocol-errors.ts'
import { ResponseBufferPool } from './response-receiver.ts'
import { similarNames } from './similar-names.ts'
import type { BrokerAddress } from './sockets.ts'
import { translateKafkaError } from './translate.ts'

/** The one version of ApiVersions that every broker since 0.11 and every client can speak. */
const API_VERSIONS_VERSION = 2

/** Versions of Fetch from here on name topics by id alone. */
export const FIRST_FETCH_BY_ID = 13

/** The first version of FindCoordinator that takes several keys. */
const FIRST_BATCHED_FIND = 4

type Fields = Api['request']

interface OpenedConnection {
  readonly connection: BrokerConnection
  readonly opened: Promise<void>
}

/** Everything but fetching, over connections of its own. Throws this adapter's catalogue errors unless a method says otherwise. */
export class KafkaClient {
  readonly bootstrap: string
  readonly #connection: KafkaConnection
  readonly #buffers = new ResponseBufferPool(0)
  readonly #connections = new Map<string, OpenedConnection>()
  #versions: ReadonlyMap<number, readonly [number, number]> = new Map()
  /** As they were last told. */
  #brokers: readonly BrokerAddress[] = []
  #isClosed = false

  constructor(connection: KafkaConnection) {
    this.#connection = connection
    this.bootstrap = addressesOf(connection)
      .map(({ host, port }) => `${host}:${port}`)
      .join(',')
  }

  /** Learns what the brokers speak. To be called first. */
  async connect(): Promise<void> {
    await this.translated('list its versions', async () => {
      const broker = await this.#anyBroker()
      const answer = await broker.request(apiVersions, API_VERSIONS_VERSION, {})
      assertNoError(answer.errorCode)
      this.#versions = new Map(answer.apiKeys.map((api) => [api.apiKey, [api.minVersion, api.maxVersion]]))
    })
  }

  /** The version of Fetch to use for these topics. */
  fetchVersion(layouts: Iterable<Pick<TopicLayout, 'topicId'>>): number {
    const version = this.#version(fetch)
    const byId = [...layouts].every(({ topicId }) => topicId !== undefined)
    return byId ? version : Math.min(version, FIRST_FETCH_BY_ID - 1)
  }

  /** The topic's partitions. Throws `TopicMissingError`. */
  async topicLayout(topic: string): Promise<TopicLayout> {
    const found = (await this.describeTopics([topic])).get(topic)
    if (found === undefined) throw await this.topicMissing(topic)
    return found
  }

  /** Those of the topics that there are; with a pattern, those that match it, internal ones left out. */
  async describeTopics(asked: readonly string[] | RegExp): Promise<Layout> {
    const names = asked instanceof RegExp ? null : asked
    const what = names === null ? 'the topics' : names.length === 1 ? `topic "${names[0]}"` : 'topics'
    return this.translated(`describe ${what}`, async () => {
      const answer = await this.#metadata(names)
      const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
      const layouts = new Map<string, TopicLayout>()
      for (const { name, topicId: id, errorCode, isInternal, partitions } of answer.topics) {
        const topic = name ?? ''
        if (asked instanceof RegExp && (isInternal || !asked.test(topic))) continue
        if (errorCode === UNKNOWN_TOPIC_OR_PARTITION || errorCode === INVALID_TOPIC) continue
        assertNoError(errorCode)
        const topicId = id === ZERO_UUID ? undefined : id
        const places = partitions
          .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
          .map(({ partitionIndex: index, leaderId, leaderEpoch }) => {
            const leader = brokers.get(leaderId)
            return { name: partitionName(topic, index), topic, topicId, index, leader, leaderEpoch }
          })
        layouts.set(topic, { topic, topicId, partitions: places })
      }
      return layouts
    })
  }

  /** What to tell of a topic that there is not, with similar names. */
  async topicMissing(topic: string): Promise<Error> {
    const { topics } = await this.translated('list the topics', () => this.#metadata(null))
    const names = topics.filter(({ isInternal }) => !isInternal).map(({ name }) => name ?? '')
    return new TopicMissingError({ topic, similar: similarNames(topic, names) })
  }

  /** Whether the brokers speak an API in a version that is known here. */
  speaks(api: Api<Fields, Fields>): boolean {
    return this.#commonVersion(api) !== undefined
  }

  /** Sends a request to the broker at `address`, in the highest version that both sides know. Errors are not translated. */
  async request<Req extends Fields, Res extends Fields>(
    address: BrokerAddress,
    api: Api<Req, Res>,
    body: Encodable<Req>,
  ) {
    const version = this.#version(api)
    return (await this.#broker(address)).request(api, version, body)
  }

  /** Sends a request to whichever broker answers. Errors are not translated. */
  async requestAny<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, body: Encodable<Req>) {
    const version = this.#version(api)
    return (await this.#anyBroker()).request(api, version, body)
  }

  /** Runs `call`; what it throws becomes one of this adapter's errors. `operation` completes "Kafka refuses to …". */
  async translated<T>(operation: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      // Whoever wanted it to stop knows why it did.
      if (error instanceof Error && error.name === 'AbortError') throw error
      throw this.translate(error, operation)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { connection } of this.#connections.values()) connection.close()
    this.#connections.clear()
  }

  /** Any error as this adapter's own; `operation` completes "Kafka refuses to …". */
  translate(error: unknown, operation: string): HeadraceError {
    return translateKafkaError(error, { bootstrap: this.bootstrap, operation })
  }

  async #metadata(topics: readonly string[] | null) {
    const broker = await this.#anyBroker()
    const answer = await broker.request(metadata, this.#version(metadata), {
      topics: topics?.map((name) => ({ topicId: ZERO_UUID, name })) ?? null,
      allowAutoTopicCreation: false,
    })
    this.#brokers = answer.brokers.map(({ host, port }) => ({ host, port }))
    return answer
  }

  /** The broker that coordinates a group, or a transactional id. Errors are not translated. */
  async coordinator(key: string, keyType: number = COORDINATOR_KEY_TYPE.group): Promise<BrokerAddress> {
    const version = this.#version(findCoordinator)
    const body: Encodable<typeof findCoordinator.request> =
      version < FIRST_BATCHED_FIND ? { key, keyType } : { coordinatorKeys: [key], keyType }
    const answer = await (await this.#anyBroker()).request(findCoordinator, version, body)
    const found = version < FIRST_BATCHED_FIND ? answer : (answer.coordinators[0] ?? answer)
    assertNoError(found.errorCode)
    return { host: found.host, port: found.port }
  }

  /** The highest version that both sides know. */
  #version(api: Api<Fields, Fields>): number {
    const version = this.#commonVersion(api)
    if (version !== undefined) return version
    const last = this.#versions.get(api.key)?.[1] ?? -1
    const reason = `it speaks ${api.name} up to version ${last}, ${api.versions[0]} is needed`
    throw new BrokerUnsupportedError({ bootstrap: this.bootstrap, reason })
  }

  #commonVersion(api: Api<Fields, Fields>): number | undefined {
    const [first, last] = this.#versions.get(api.key) ?? [0, -1]
    const version = Math.min(last, api.versions[1])
    return version >= Math.max(first, api.versions[0]) ? version : undefined
  }

  /** The first that answers: one that did before, one of the bootstrap list, or of those that the others have told of. */
  async #anyBroker(): Promise<BrokerConnection> {
    const failures: unknown[] = []
    const open = [...this.#connections.values()].find(({ connection }) => connection.isOpen)
    if (open !== undefined) return open.connection
    for (const address of [...addressesOf(this.#connection), ...this.#brokers]) {
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
      // Whoever came first has opened another: one that nobody keeps would never be closed.
      if (this.#connections.get(key) !== known) return this.#broker(address)
    }
    const connection = new BrokerConnection(this.#connection, this.#buffers)
    const made = { connection, opened: connection.open(address) }
    this.#connections.set(key, made)
    try {
      await made.opened
    } catch (error) {
      if (this.#connections.get(key) === made) this.#connections.delete(key)
      throw error
    }
    return connection
  }
}
