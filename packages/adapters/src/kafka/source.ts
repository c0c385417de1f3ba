import { OFFSET_SPEC } from '@headrace/broker/protocol'
import {
  type Position,
  type Positions,
  parseDuration,
  type Source,
  type SourceContext,
  type SourceEvent,
} from '@headrace/core'
import { crc32c } from '@node-rs/crc32'
import { KafkaClient } from './client/client.ts'
import { type Layout, partitionsOf } from './client/layout.ts'
import type { KafkaConnection, KafkaSourceConfig } from './config.ts'
import { GroupSession } from './groups/group-session.ts'
import { OffsetCommitter } from './groups/offset-committer.ts'
import { listOffsetsOf } from './groups/offsets.ts'
import { parsePosition, positionOf } from './position.ts'
import { BlockBufferPool } from './read/block-buffers.ts'
import { Reading } from './read/reading.ts'
import { topicsGone } from './read/start.ts'
import { recreatedLine } from './read/topic-watch.ts'
import { describeSubscription, type Subscription, subscriptionOf } from './subscription.ts'

export function createSource(config: KafkaSourceConfig, context: SourceContext): Source {
  return new KafkaSource(config, context)
}

interface Connected {
  readonly client: KafkaClient
  readonly layout: Layout
  readonly group: GroupSession | undefined
}

/** The partitions of the topics: all of them, or those that a consumer group gives this process. */
class KafkaSource implements Source {
  readonly #config: KafkaSourceConfig
  readonly #context: SourceContext
  readonly #connection: KafkaConnection
  readonly #subscription: Subscription
  readonly #blocks: BlockBufferPool
  readonly #commits: OffsetCommitter
  #client: KafkaClient | undefined
  #connected: Connected | undefined
  #reading: Reading | undefined

  constructor(config: KafkaSourceConfig, context: SourceContext) {
    this.#config = config
    this.#context = context
    this.#connection = context.connection as KafkaConnection
    this.#subscription = subscriptionOf(config)
    this.#blocks = new BlockBufferPool(context.metadata)
    this.#commits = new OffsetCommitter(`headrace.${context.pipeline}`, context.log)
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const client = new KafkaClient(this.#connection)
    this.#client = client
    const aborted = Promise.withResolvers<never>()
    const abort = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      const layout = await Promise.race([this.#lookUp(client), aborted.promise])
      this.#connected = { client, layout, group: await this.#group(client) }
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async *read(from: Positions, signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const { client, layout, group } = this.#use()
    this.#warnOfTopicsGone(from, layout)
    if (signal.aborted) return
    const reading = new Reading({
      config: this.#config,
      subscription: this.#subscription,
      connection: this.#connection,
      client,
      layout,
      fetchVersion: client.fetchVersion(layout.values()),
      metadataMaxAgeMs: parseDuration(this.#config.metadataMaxAge),
      readCommitted: this.#config.isolation === 'readCommitted',
      blocks: this.#blocks,
      crc32c: this.#config.checkCrcs ? (data) => crc32c(data) : undefined,
      log: this.#context.log,
      group,
    })
    this.#reading = reading
    const stop = () => reading.stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      yield* reading.events(from)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async ends(): Promise<Positions> {
    const { client, layout } = this.#use()
    const places = partitionsOf(this.#reading?.layout ?? layout)
    const asked = new Map(places.map((place) => [place, OFFSET_SPEC.latest]))
    const ends = await listOffsetsOf(client, asked, this.#config.isolation === 'readCommitted' ? 1 : 0)
    return new Map(
      [...ends].map(([{ name, topicId }, { offset, leaderEpoch }]) => [name, positionOf(offset, topicId, leaderEpoch)]),
    )
  }

  distance(from: Position, to: Position): number {
    return parsePosition(to).offset - parsePosition(from).offset
  }

  async acknowledge(positions: Positions): Promise<void> {
    const { client, layout, group } = this.#use()
    if (group !== undefined) return group.acknowledge(positions)
    await this.#commits.commit(client, this.#reading?.layout ?? layout, positions)
  }

  async close(): Promise<void> {
    this.#reading?.stop()
    await this.#commits.settled()
    await this.#connected?.group?.close()
    this.#client?.close()
  }

  async #lookUp(client: KafkaClient): Promise<Layout> {
    await client.connect()
    const subscription = this.#subscription
    if ('pattern' in subscription) {
      const layout = await client.describeTopics(subscription.pattern)
      if (layout.size === 0) {
        const message = `there are no ${describeSubscription(subscription)} yet; they are read when they are made`
        this.#context.log({ level: 'warn', message })
      }
      return layout
    }
    const layout = await client.describeTopics(subscription.names)
    const missing = subscription.names.find((name) => !layout.has(name))
    if (missing !== undefined) throw await client.topicMissing(missing)
    return layout
  }

  async #group(client: KafkaClient): Promise<GroupSession | undefined> {
    const { group: groupId, groupProtocol: protocol, sessionTimeout } = this.#config
    if (groupId === undefined) return undefined
    const memberClient = new KafkaClient(this.#connection)
    await memberClient.connect()
    const subscription = this.#subscription
    return new GroupSession({
      groupId,
      client,
      memberClient,
      protocol,
      sessionTimeoutMs: parseDuration(sessionTimeout),
      incarnation: this.#context.incarnation,
      describe: () => client.describeTopics('pattern' in subscription ? subscription.pattern : subscription.names),
      log: this.#context.log,
    })
  }

  #use(): Connected {
    if (this.#connected === undefined) throw new Error('the source is not connected')
    return this.#connected
  }

  #warnOfTopicsGone(from: Positions, layout: Layout): void {
    const subscription = this.#subscription
    if (!('pattern' in subscription)) return
    const { gone, recreated } = topicsGone(from, layout, (name) => subscription.pattern.test(name))
    for (const topic of gone) {
      const message = `topic "${topic}" was deleted: what was not read of it is lost`
      this.#context.log({ level: 'warn', code: 'KAFKA_TOPIC_DELETED', message })
    }
    for (const topic of recreated) this.#context.log(recreatedLine(topic))
  }
}
