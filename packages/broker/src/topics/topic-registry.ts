import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { LogStorage } from '../log/log-writer.ts'
import { PartitionLog } from '../log/partition-log.ts'
import { KafkaError } from '../protocol/index.ts'
import { readFileIfAny, replaceFile, syncFolder } from '../storage/durable-file.ts'
import { type DescribedConfig, describeTopicConfig, logSettingsOf, type TopicConfig } from './topic-config.ts'
import { checkCollision, checkTopicName } from './topic-name.ts'

/** Of all topics together: what one broker is said to carry. Each takes two file handles and some memory. */
const MAX_PARTITIONS = 4000

export interface Topic {
  readonly name: string
  /** A UUID: a topic that is deleted and made again is another topic. */
  readonly id: string
  readonly config: TopicConfig
  /** By partition index. */
  readonly partitions: readonly PartitionLog[]
}

/** A topic as the file of topics keeps it. */
interface TopicEntry {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly config: TopicConfig
}

export interface TopicRegistryOptions {
  readonly dataDir: string
  readonly storage: LogStorage
  readonly defaultPartitions: number
  /** What topics get that do not say otherwise, by the names of broker configs. */
  readonly topicDefaults: TopicConfig
}

/** The topics of the broker. What exists is what the file `topics.json` says; each partition has a folder named by topic id and index. */
export class TopicRegistry {
  readonly #options: TopicRegistryOptions
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()
  #lastChange: Promise<unknown> = Promise.resolve()
  #revision = 0

  private constructor(options: TopicRegistryOptions) {
    this.#options = options
  }

  static async open(options: TopicRegistryOptions): Promise<TopicRegistry> {
    const registry = new TopicRegistry(options)
    await registry.#load()
    return registry
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id)
  }

  partition(name: string, index: number): PartitionLog | undefined {
    return this.#byName.get(name)?.partitions[index]
  }

  get dataDir(): string {
    return this.#options.dataDir
  }

  /** What topics get that do not say otherwise, by the names of broker configs. */
  get defaults(): TopicConfig {
    return this.#options.topicDefaults
  }

  /** Another number whenever there are other topics, or other partitions. */
  get revision(): number {
    return this.#revision
  }

  /** By name, in their order. */
  list(): Topic[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Throws `KafkaError` for what `create` would refuse. `partitions` -1 is the default number. */
  checkCreate(name: string, partitions: number, config: TopicConfig = {}): void {
    checkTopicName(name)
    logSettingsOf(config, this.defaults)
    if (this.#byName.has(name)) throw new KafkaError('TOPIC_ALREADY_EXISTS', `topic "${name}" already exists`)
    checkCollision(name, this.#byName.keys())
    this.#checkPartitions(this.#partitionsOf(partitions), 0)
  }

  async create(name: string, partitions: number, config: TopicConfig = {}): Promise<Topic> {
    this.checkCreate(name, partitions, config)
    return this.#change(async () => {
      this.checkCreate(name, partitions, config)
      const entry = { name, id: randomUUID(), partitions: this.#partitionsOf(partitions), config }
      try {
        const topic = await this.#open(entry)
        await this.#keep(topic.partitions, [...this.#byName.values(), topic])
        this.#register(topic)
        return topic
      } catch (error) {
        await rm(this.#topicFolder(entry.id), { recursive: true, force: true })
        throw error
      }
    })
  }

  /** The topic of that name, made with the defaults where there is none. */
  async ensure(name: string): Promise<Topic> {
    try {
      return this.get(name) ?? (await this.create(name, -1))
    } catch (error) {
      // Somebody else asked for it a moment before.
      const made = this.get(name)
      if (made) return made
      throw error
    }
  }

  /** Forgets a topic and deletes its records. */
  async delete(name: string): Promise<void> {
    await this.#change(async () => {
      const topic = this.#known(name)
      await this.#save([...this.#byName.values()].filter((other) => other !== topic))
      this.#byName.delete(topic.name)
      this.#byId.delete(topic.id)
      this.#revision++
      await Promise.all(topic.partitions.map((log) => log.destroy()))
      await rm(this.#topicFolder(topic.id), { recursive: true, force: true })
    })
  }

  /** `present` are those that the topic has already. */
  #checkPartitions(count: number, present: number): void {
    const all = [...this.#byName.values()].reduce((sum, { partitions }) => sum + partitions.length, 0)
    const most = MAX_PARTITIONS - all + present
    if (!Number.isInteger(count) || count < 1 || count > most)
      throw new KafkaError(
        'INVALID_PARTITIONS',
        `a topic has at least 1 partition, all together have at most ${MAX_PARTITIONS}: ${count} are asked for, there are ${all}`,
      )
  }

  /** Throws `KafkaError` for what `addPartitions` would refuse. */
  checkPartitionCount(name: string, count: number): void {
    const topic = this.#known(name)
    this.#checkPartitions(count, topic.partitions.length)
    if (count <= topic.partitions.length)
      throw new KafkaError('INVALID_PARTITIONS', `topic "${name}" has ${topic.partitions.length} partitions already`)
  }

  /** Brings a topic to `count` partitions. */
  async addPartitions(name: string, count: number): Promise<void> {
    await this.#change(async () => {
      this.checkPartitionCount(name, count)
      const topic = this.#known(name)
      const added = await this.#openPartitions(topic.id, topic.config, topic.partitions.length, count)
      const grown = { ...topic, partitions: [...topic.partitions, ...added] }
      await this.#keep(
        added,
        [...this.#byName.values()].map((other) => (other === topic ? grown : other)),
      )
      this.#register(grown)
    })
  }

  /** Every config of a topic. Throws UNKNOWN_TOPIC_OR_PARTITION. */
  describeConfig(name: string): DescribedConfig[] {
    return describeTopicConfig(this.#known(name).config, this.defaults)
  }

  /** Gives a topic the configs that `change` makes of its present ones. With `validateOnly` it is only checked whether that is possible. */
  async alterConfig(name: string, change: (present: TopicConfig) => TopicConfig, validateOnly = false): Promise<void> {
    await this.#change(async () => {
      const topic = this.#known(name)
      const altered = { ...topic, config: change(topic.config) }
      const settings = logSettingsOf(altered.config, this.defaults)
      if (validateOnly) return
      await this.#save([...this.#byName.values()].map((other) => (other === topic ? altered : other)))
      this.#register(altered)
      for (const log of altered.partitions) {
        log.settings = settings
        log.maintain().catch(this.#options.storage.onError)
      }
    })
  }

  async close(): Promise<void> {
    await this.#lastChange
    await Promise.all(this.list().flatMap((topic) => topic.partitions.map((log) => log.close())))
  }

  // One change at a time: each writes the whole file of topics.
  #change<T>(make: () => Promise<T>): Promise<T> {
    const change = this.#lastChange.then(make)
    this.#lastChange = change.catch(() => undefined)
    return change
  }

  async #load(): Promise<void> {
    await mkdir(this.#logsFolder, { recursive: true })
    const content = await readFileIfAny(this.#file)
    const entries = content === undefined ? [] : (JSON.parse(content.toString()) as TopicEntry[])
    await this.#sweep(new Set(entries.map((entry) => entry.id)))
    const topics = await Promise.all(entries.map((entry) => this.#open(entry)))
    for (const topic of topics) this.#register(topic)
  }

  /** Removes what a crash left of topics that were being made or deleted. */
  async #sweep(known: ReadonlySet<string>): Promise<void> {
    const folders = await readdir(this.#logsFolder)
    for (const id of folders.filter((folder) => !known.has(folder)))
      await rm(this.#topicFolder(id), { recursive: true, force: true })
  }

  async #open({ name, id, partitions, config }: TopicEntry): Promise<Topic> {
    return { name, id, config, partitions: await this.#openPartitions(id, config, 0, partitions) }
  }

  #openPartitions(id: string, config: TopicConfig, from: number, to: number): Promise<PartitionLog[]> {
    const indexes = Array.from({ length: to - from }, (_, index) => from + index)
    const settings = logSettingsOf(config, this.defaults)
    return Promise.all(
      indexes.map((index) =>
        PartitionLog.open(path.join(this.#topicFolder(id), String(index)), settings, this.#options.storage),
      ),
    )
  }

  #register(topic: Topic): void {
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.id, topic)
    this.#revision++
  }

  /** Saves topics with partitions that were made for them. Where that fails, those are removed again. */
  async #keep(made: readonly PartitionLog[], topics: readonly Topic[]): Promise<void> {
    try {
      // Their names first: a topic that is known after a power failure must have its records.
      for (const folder of new Set(made.map((log) => path.dirname(log.folder)))) await syncFolder(folder)
      await syncFolder(this.#logsFolder)
      await this.#save(topics)
    } catch (error) {
      await Promise.all(made.map((log) => log.destroy()))
      throw error
    }
  }

  async #save(topics: readonly Topic[]): Promise<void> {
    const entries: TopicEntry[] = topics.map(({ name, id, partitions, config }) => ({
      name,
      id,
      partitions: partitions.length,
      config,
    }))
    await replaceFile(this.#file, `${JSON.stringify(entries, null, 2)}\n`)
  }

  #partitionsOf(asked: number): number {
    return asked === -1 ? this.#options.defaultPartitions : asked
  }

  #known(name: string): Topic {
    const topic = this.#byName.get(name)
    if (topic === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic "${name}"`)
    return topic
  }

  get #file(): string {
    return path.join(this.#options.dataDir, 'topics.json')
  }

  get #logsFolder(): string {
    return path.join(this.#options.dataDir, 'logs')
  }

  #topicFolder(id: string): string {
    return path.join(this.#logsFolder, id)
  }
}
