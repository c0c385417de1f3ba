import { mkdir } from 'node:fs/promises'
import { type Cluster, loadClusterId, NODE_ID } from './cluster/cluster.ts'
import { ProducerIds } from './cluster/producer-ids.ts'
import { BrokerConfig } from './config/broker-config.ts'
import { GroupCoordinator } from './groups/coordinator.ts'
import { GroupStore } from './groups/group-store.ts'
import { OffsetStore } from './groups/offset-store.ts'
import { createHandlers } from './handlers/index.ts'
import type { Services } from './handlers/services.ts'
import { CredentialStore } from './security/credential-store.ts'
import { Dispatcher } from './server/dispatcher.ts'
import type { ListenerAddress } from './server/listener-set.ts'
import { Network, type NetworkOptions } from './server/network.ts'
import { DataDirLock } from './storage/data-dir-lock.ts'
import { IntervalFlusher } from './storage/flusher.ts'
import { MaintenanceSchedule } from './topics/maintenance-schedule.ts'
import { TopicRegistry } from './topics/topic-registry.ts'
import { TransactionCoordinator } from './transactions/coordinator.ts'
import { Participants } from './transactions/participants.ts'
import { TransactionLog } from './transactions/transaction-log.ts'

export interface BrokerOptions extends NetworkOptions {
  /** Where everything is kept; made where it does not exist. One broker at a time. */
  readonly dataDir: string
  /** Kafka's broker configs by their names, such as `log.retention.ms`: what topics get that do not say otherwise, how groups are kept. */
  readonly config?: Readonly<Record<string, string>>
  /** Told of what goes wrong without anybody waiting for it, such as a client that sends garbage. Silent unless told. */
  readonly onError?: (error: unknown) => void
}

/** A single-node broker that speaks the Kafka protocol. */
export class Broker {
  readonly host: string
  readonly port: number
  readonly #lock: DataDirLock
  readonly #network: Network
  readonly #services: Services
  readonly #flusher: IntervalFlusher
  readonly #maintenance: MaintenanceSchedule
  #closing: Promise<void> | undefined

  private constructor(
    lock: DataDirLock,
    network: Network,
    services: Services,
    flusher: IntervalFlusher,
    maintenance: MaintenanceSchedule,
  ) {
    this.#lock = lock
    this.#network = network
    this.#services = services
    this.#flusher = flusher
    this.#maintenance = maintenance
    this.host = network.addresses[0].host
    this.port = network.addresses[0].port
  }

  /** Starts a broker and resolves when clients can connect. Throws `DataDirLockedError` or what listening throws. */
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

  /** Where clients connect to, as `host:port`: the first listener's. */
  get address(): string {
    return `${this.host}:${this.port}`
  }

  /** All listeners, in the order in which they were asked for. */
  get listeners(): readonly ListenerAddress[] {
    return this.#network.addresses
  }

  /** Hangs up on all clients, forces everything to the disk and gives the data folder free. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.#network.close()
      await this.#services.transactions.close()
      await this.#services.groups.close()
      const maintained = this.#maintenance.close()
      // Breaks off what is being compacted.
      await this.#services.topics.close()
      await maintained
      await this.#flusher.close()
    } finally {
      this.#lock.release()
    }
  }
}

async function startLocked(
  options: BrokerOptions,
  lock: DataDirLock,
  make: (
    lock: DataDirLock,
    network: Network,
    services: Services,
    flusher: IntervalFlusher,
    maintenance: MaintenanceSchedule,
  ) => Broker,
): Promise<Broker> {
  const { dataDir, onError = () => {} } = options
  const config = new BrokerConfig(options.config ?? {})
  const { fsync, defaultPartitions, topicDefaults } = config
  const flusher = new IntervalFlusher(fsync.mode === 'interval' ? fsync.ms : 0, onError)
  const network = await Network.listen({ ...options, limits: { ...config.limits, ...options.limits } }, onError)
  try {
    const [clusterId, credentials, producerIds, offsets, groupStore, transactionLog, topics] = await Promise.all([
      loadClusterId(dataDir),
      CredentialStore.open(dataDir, options.sasl && (options.sasl.users ?? {})),
      ProducerIds.open(dataDir),
      OffsetStore.open(dataDir, { fsync, flusher }),
      GroupStore.open(dataDir, { fsync, flusher }),
      TransactionLog.open(dataDir, { fsync, flusher }),
      TopicRegistry.open({ dataDir, storage: { fsync, flusher, onError }, defaultPartitions, topicDefaults }),
    ])
    // A topic of that name would take them over: its deletion was broken off before they were forgotten.
    for (const name of offsets.topics)
      if (topics.get(name) === undefined) await offsets.deleteTopic(name).catch(onError)
    const cluster: Cluster = { clusterId, nodeId: NODE_ID }
    const services: Services = {
      cluster,
      topics,
      groups: await GroupCoordinator.open({
        offsets,
        store: groupStore,
        topics,
        settings: config.groups,
        onError,
      }),
      producerIds,
      credentials,
      mechanisms: network.mechanisms,
      transactions: await TransactionCoordinator.open({
        log: transactionLog,
        participants: new Participants(topics, offsets),
        producerIds,
        settings: config.transactions,
        onError,
      }),
      config,
    }
    network.serve(new Dispatcher(createHandlers(services)), credentials)
    const maintenance = new MaintenanceSchedule(topics, config.maintenanceIntervalMs, onError)
    return make(lock, network, services, flusher, maintenance)
  } catch (error) {
    await network.close()
    throw error
  }
}
