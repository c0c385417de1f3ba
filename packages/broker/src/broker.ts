import { mkdir } from 'node:fs/promises'
import { brokerFacts } from './cluster/broker-facts.ts'
import { type Cluster, loadClusterId, NODE_ID } from './cluster/cluster.ts'
import { ProducerIds } from './cluster/producer-ids.ts'
import { GroupCoordinator } from './groups/coordinator.ts'
import { OffsetStore } from './groups/offset-store.ts'
import { createHandlers } from './handlers/index.ts'
import type { Services } from './handlers/services.ts'
import { Dispatcher, type Endpoint } from './server/dispatcher.ts'
import { Listener } from './server/listener.ts'
import { DataDirLock } from './storage/data-dir-lock.ts'
import { type FsyncPolicy, IntervalFlusher } from './storage/flusher.ts'
import { parseTopicDefaults } from './topics/broker-config.ts'
import { TopicRegistry } from './topics/topic-registry.ts'
import { TransactionCoordinator } from './transactions/coordinator.ts'
import { Participants } from './transactions/participants.ts'
import { TransactionLog } from './transactions/transaction-log.ts'

export interface BrokerOptions {
  /** Where everything is kept; made where it does not exist. One broker at a time. */
  readonly dataDir: string
  /** The address to listen on: 127.0.0.1 unless told. */
  readonly host?: string
  /** The port to listen on; 0, the default, takes any that is free. */
  readonly port?: number
  /** The host that clients are told to connect to, where that is another than `host`. */
  readonly advertisedHost?: string
  /** Partitions of a topic whose creator does not say: 1 unless told. */
  readonly defaultPartitions?: number
  /** Whether asking for a topic makes it; true unless told. */
  readonly autoCreateTopics?: boolean
  /** What topics get that do not say otherwise, by the names of Kafka's broker configs, such as `log.retention.ms`. */
  readonly topicDefaults?: Readonly<Record<string, string>>
  /** When data is forced to the disk: every second unless told. */
  readonly fsync?: FsyncPolicy
  /** Told of what goes wrong without anybody waiting for it, such as a client that sends garbage. Silent unless told. */
  readonly onError?: (error: unknown) => void
}

const DEFAULT_FSYNC: FsyncPolicy = { mode: 'interval', ms: 1000 }

/** A single-node broker that speaks the Kafka protocol. */
export class Broker {
  readonly host: string
  readonly port: number
  readonly #lock: DataDirLock
  readonly #listener: Listener
  readonly #services: Services
  readonly #flusher: IntervalFlusher
  #closing: Promise<void> | undefined

  private constructor(
    lock: DataDirLock,
    listener: Listener,
    endpoint: Endpoint,
    services: Services,
    flusher: IntervalFlusher,
  ) {
    this.#lock = lock
    this.#listener = listener
    this.#services = services
    this.#flusher = flusher
    this.host = endpoint.host
    this.port = endpoint.port
  }

  /** Starts a broker and resolves when clients can connect. Throws `DataDirLockedError` or `PortInUseError`. */
  static async start(options: BrokerOptions): Promise<Broker> {
    await mkdir(options.dataDir, { recursive: true })
    const lock = await DataDirLock.acquire(options.dataDir)
    try {
      return await startLocked(options, lock, (...parts) => new Broker(...parts))
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Where clients connect to, as `host:port`. */
  get address(): string {
    return `${this.host}:${this.port}`
  }

  /** Hangs up on all clients, forces everything to the disk and gives the data folder free. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#listener.close()
    await this.#services.transactions.close()
    await this.#services.groups.close()
    await this.#services.topics.close()
    await this.#flusher.close()
    this.#lock.release()
  }
}

async function startLocked(
  options: BrokerOptions,
  lock: DataDirLock,
  make: (
    lock: DataDirLock,
    listener: Listener,
    endpoint: Endpoint,
    services: Services,
    flusher: IntervalFlusher,
  ) => Broker,
): Promise<Broker> {
  const { dataDir, host = '127.0.0.1', onError = () => {}, fsync = DEFAULT_FSYNC, defaultPartitions = 1 } = options
  const topicDefaults = parseTopicDefaults(options.topicDefaults ?? {})
  const autoCreateTopics = options.autoCreateTopics ?? true
  const flusher = new IntervalFlusher(fsync.mode === 'interval' ? fsync.ms : 0, onError)
  const listener = await Listener.listen(host, options.port ?? 0, onError)
  try {
    const [clusterId, producerIds, offsets, transactionLog, topics] = await Promise.all([
      loadClusterId(dataDir),
      ProducerIds.open(dataDir),
      OffsetStore.open(dataDir, { fsync, flusher }),
      TransactionLog.open(dataDir, { fsync, flusher }),
      TopicRegistry.open({ dataDir, storage: { fsync, flusher, onError }, defaultPartitions, topicDefaults }),
    ])
    const advertised = options.advertisedHost ?? host
    const cluster: Cluster = { clusterId, nodeId: NODE_ID }
    const services: Services = {
      cluster,
      topics,
      groups: new GroupCoordinator(offsets),
      producerIds,
      transactions: await TransactionCoordinator.open({
        log: transactionLog,
        participants: new Participants(topics, offsets),
        producerIds,
        onError,
      }),
      autoCreateTopics,
      defaultPartitions,
      brokerFacts: brokerFacts({ dataDir, defaultPartitions, autoCreateTopics, fsync }),
    }
    const endpoint = { host: advertised, port: listener.port }
    listener.serve(new Dispatcher(createHandlers(services)), endpoint)
    return make(lock, listener, endpoint, services, flusher)
  } catch (error) {
    await listener.close()
    throw error
  }
}
