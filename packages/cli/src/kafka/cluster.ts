import { setTimeout as delay } from 'node:timers/promises'
import {
  addressesOf,
  assertNoError,
  BrokerConnection,
  BrokerUnsupportedError,
  KafkaAuthError,
  type KafkaConnection,
  ProtocolError,
  ResponseBufferPool,
  similarNames,
  translateKafkaError,
} from '@headrace/adapters/kafka'
import {
  type Api,
  apiVersions,
  COORDINATOR_KEY_TYPE,
  type Decoded,
  type Encodable,
  findCoordinator,
  metadata,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { explainContact, explainLater } from './connection/explain.ts'
import { TopicUnknownError } from './errors.ts'

type Fields = Api['request']
type Metadata = Decoded<typeof metadata.response>

/** The one version of ApiVersions that every broker since 0.11 can speak. */
const API_VERSIONS_VERSION = 2

/** The first version of FindCoordinator that takes several keys. */
const FIRST_BATCHED_FIND = 4

/** Key of the API that logs in. A broker that offers it may want it. */
const SASL_HANDSHAKE_KEY = 17

/** Answers such as COORDINATOR_LOAD_IN_PROGRESS pass by themselves: asked again for so long (ms), so often. */
const PATIENCE_MS = 15_000
const AGAIN_MS = 200

const UNKNOWN_TOPIC_OR_PARTITION = 3
const INVALID_TOPIC = 17
const UNKNOWN_TOPIC_ID = 100

export type TopicMetadata = Metadata['topics'][number]
/** Which broker a request is for: any of them, the controller, one by its id, or a group's coordinator. */
export type Destination = 'any' | 'controller' | { readonly node: number } | { readonly group: string }

/**
 * A Kafka cluster as administration and the console commands talk to it: each request to the broker it belongs to, in the
 * highest version that both sides know. Errors of the way there and `ProtocolError`s come out as the catalogue's.
 */
export class KafkaCluster {
  readonly connection: KafkaConnection
  readonly bootstrap: string
  readonly #buffers = new ResponseBufferPool(0)
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  readonly #nodes = new Map<number, { readonly host: string; readonly port: number }>()
  readonly #coordinators = new Map<string, number>()
  #versions: ReadonlyMap<number, readonly [number, number]> = new Map()
  #controller = -1

  private constructor(connection: KafkaConnection) {
    this.connection = connection
    this.bootstrap = addressesOf(connection)
      .map(({ host, port }) => `${host}:${port}`)
      .join(',')
  }

  /** Connects and learns the cluster's brokers. Throws KAFKA_UNREACHABLE, KAFKA_AUTH_FAILED, KAFKA_SECURITY_MISMATCH. */
  static async open(connection: KafkaConnection): Promise<KafkaCluster> {
    const cluster = new KafkaCluster(connection)
    try {
      await cluster.#translated('list its versions', async () => {
        const broker = await cluster.#bootstrapBroker()
        const answer = await broker.request(apiVersions, API_VERSIONS_VERSION, {})
        assertNoError(answer.errorCode)
        cluster.#versions = new Map(answer.apiKeys.map((api) => [api.apiKey, [api.minVersion, api.maxVersion]]))
        await cluster.#learnBrokers()
      })
    } catch (error) {
      cluster.close()
      throw explainContact(error, cluster.bootstrap, connection)
    }
    return cluster
  }

  get nodeIds(): readonly number[] {
    return [...this.#nodes.keys()]
  }

  address(node: number): { readonly host: string; readonly port: number } {
    const address = this.#nodes.get(node)
    if (address === undefined) throw new ProtocolError(BROKER_NOT_AVAILABLE)
    return address
  }

  supports(api: Api<Fields, Fields>): boolean {
    return this.#bestVersion(api) !== undefined
  }

  /** The highest version that both sides know. Throws KAFKA_BROKER_UNSUPPORTED. */
  version(api: Api<Fields, Fields>): number {
    const version = this.#bestVersion(api)
    if (version !== undefined) return version
    const reason = `it does not speak ${api.name} in a version from ${api.versions[0]} to ${api.versions[1]}`
    throw new BrokerUnsupportedError({ bootstrap: this.bootstrap, reason })
  }

  /**
   * Sends a request and gives the answer. `operation` completes "Kafka refuses to …"; `check` throws a `ProtocolError` for
   * what the answer says, and is asked again while that may pass.
   */
  async request<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: Encodable<Req>,
    to: Destination,
    operation: string,
    check: (answer: Decoded<Res>) => void = () => undefined,
  ): Promise<Decoded<Res>> {
    return await this.#translated(operation, () =>
      this.#patiently(to, async () => {
        const broker = await this.#brokerFor(to)
        const answer = await broker.request(api, this.version(api), body)
        check(answer)
        return answer
      }),
    )
  }

  /** All topics, or those of these names; one that does not exist carries its error code. */
  async topics(names: readonly string[] | null): Promise<readonly TopicMetadata[]> {
    const answer = await this.#translated('list topics', () => this.#metadata(names))
    return answer.topics
  }

  /** A topic's partitions in order, each with a leader. Throws TOPIC_UNKNOWN with names that are like it. */
  async topic(name: string): Promise<TopicMetadata> {
    return await this.#translated(`describe topic "${name}"`, () =>
      this.#patiently('any', async () => {
        const answer = await this.#metadata([name])
        const [found] = answer.topics
        if (found === undefined || MISSING.includes(found.errorCode)) throw await this.unknownTopic(name)
        assertNoError(found.errorCode)
        for (const { leaderId, errorCode } of found.partitions) if (leaderId < 0) assertNoError(errorCode)
        return { ...found, partitions: found.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex) }
      }),
    )
  }

  async unknownTopic(topic: string): Promise<TopicUnknownError> {
    const { topics } = await this.#metadata(null)
    const names = topics.filter(({ isInternal }) => !isInternal).map(({ name }) => name ?? '')
    return new TopicUnknownError({ topic, similar: similarNames(topic, names) })
  }

  /** A connection of the caller's own, to be closed by it: for requests that wait. */
  async dial(node: number, pool: ResponseBufferPool): Promise<BrokerConnection> {
    const connection = new BrokerConnection(this.connection, pool)
    await connection.open(this.address(node))
    return connection
  }

  /** Any error as the catalogue's own; `operation` completes "Kafka refuses to …". */
  translate(error: unknown, operation: string): Error {
    const translated = translateKafkaError(error, { bootstrap: this.bootstrap, operation })
    return explainLater(translated, this.bootstrap, this.connection)
  }

  close(): void {
    for (const opening of this.#connections.values()) {
      opening.then(
        (connection) => connection.close(),
        () => undefined,
      )
    }
    this.#connections.clear()
  }

  /** Calls until it does not fail with an error that passes by itself. `operation` completes "Kafka refuses to …". */
  async patiently<T>(operation: string, call: () => Promise<T>): Promise<T> {
    return await this.#translated(operation, () => this.#patiently('any', call))
  }

  async coordinator(group: string): Promise<number> {
    const known = this.#coordinators.get(group)
    if (known !== undefined) return known
    const version = this.version(findCoordinator)
    const keyType = COORDINATOR_KEY_TYPE.group
    const body: Encodable<typeof findCoordinator.request> =
      version < FIRST_BATCHED_FIND ? { key: group, keyType } : { coordinatorKeys: [group], keyType }
    const answer = await (await this.#brokerFor('any')).request(findCoordinator, version, body)
    const found = version < FIRST_BATCHED_FIND ? answer : (answer.coordinators[0] ?? answer)
    assertNoError(found.errorCode)
    this.#nodes.set(found.nodeId, { host: found.host, port: found.port })
    this.#coordinators.set(group, found.nodeId)
    return found.nodeId
  }

  #bestVersion(api: Api<Fields, Fields>): number | undefined {
    const [first, last] = this.#versions.get(api.key) ?? [0, -1]
    const version = Math.min(last, api.versions[1])
    return version >= Math.max(first, api.versions[0]) ? version : undefined
  }

  async #learnBrokers(): Promise<void> {
    try {
      await this.#metadata([])
    } catch (error) {
      // A broker that wants a login lets nothing but its versions be asked for, and hangs up.
      if (error instanceof ProtocolError || this.connection.sasl !== undefined) throw error
      if (!this.#versions.has(SASL_HANDSHAKE_KEY)) throw error
      const reason = 'it told its versions and hung up at the first request, as brokers do that want a login'
      throw new KafkaAuthError({ bootstrap: this.bootstrap, reason }, { cause: error })
    }
  }

  async #metadata(names: readonly string[] | null): Promise<Metadata> {
    const answer = await (await this.#brokerFor('any')).request(metadata, this.version(metadata), {
      topics: names?.map((name) => ({ topicId: ZERO_UUID, name })) ?? null,
      allowAutoTopicCreation: false,
    })
    this.#controller = answer.controllerId
    for (const { nodeId, host, port } of answer.brokers) this.#nodes.set(nodeId, { host, port })
    return answer
  }

  async #brokerFor(to: Destination): Promise<BrokerConnection> {
    if (to === 'any') return await this.#bootstrapBroker()
    if (to === 'controller') {
      return this.#controller < 0 ? await this.#bootstrapBroker() : await this.#node(this.#controller)
    }
    return await this.#node('node' in to ? to.node : await this.coordinator(to.group))
  }

  #node(id: number): Promise<BrokerConnection> {
    const { host, port } = this.address(id)
    return this.#connect(host, port)
  }

  /** The first address of the bootstrap list that answers. */
  async #bootstrapBroker(): Promise<BrokerConnection> {
    const failures: unknown[] = []
    for (const { host, port } of addressesOf(this.connection)) {
      try {
        return await this.#connect(host, port)
      } catch (error) {
        failures.push(error)
      }
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'no broker answers')
  }

  async #connect(host: string, port: number): Promise<BrokerConnection> {
    const key = `${host}:${port}`
    const known = this.#connections.get(key)
    if (known !== undefined) {
      const connection = await known
      if (connection.isOpen) return connection
    }
    const opening = this.#open(host, port)
    this.#connections.set(key, opening)
    opening.catch(() => this.#connections.delete(key))
    return await opening
  }

  async #open(host: string, port: number): Promise<BrokerConnection> {
    const connection = new BrokerConnection(this.connection, this.#buffers)
    await connection.open({ host, port })
    return connection
  }

  async #patiently<T>(to: Destination, call: () => Promise<T>): Promise<T> {
    const until = performance.now() + PATIENCE_MS
    for (;;) {
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof ProtocolError && error.canRetry) || performance.now() > until) throw error
        if (typeof to === 'object' && 'group' in to) this.#coordinators.delete(to.group)
        await delay(AGAIN_MS)
        await this.#metadata([])
      }
    }
  }

  async #translated<T>(operation: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw this.translate(error, operation)
    }
  }
}

const BROKER_NOT_AVAILABLE = 8
const MISSING: readonly number[] = [UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC, UNKNOWN_TOPIC_ID]
