import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { Position, Positions, Source, SourceContext, SourceEvent } from '@headrace/core'
import { crc32c } from '@node-rs/crc32'
import { BlockBufferPool } from './block-buffers.ts'
import { KafkaClient, type TopicLayout } from './client.ts'
import type { KafkaConnection, KafkaSourceConfig } from './config.ts'
import { TopicRecreatedError } from './errors.ts'
import { OffsetCommitter } from './offset-committer.ts'
import { parsePosition, partitionName, positionOf } from './position.ts'
import { Reading } from './reading.ts'
import { ownPositions } from './start.ts'

export function createSource(config: KafkaSourceConfig, context: SourceContext): Source {
  return new KafkaSource(config, context)
}

interface Connected {
  readonly client: KafkaClient
  readonly layout: TopicLayout
  readonly fetchVersion: number
}

/** All partitions of one topic, read by this process alone: no consumer group hands them out. */
class KafkaSource implements Source {
  readonly #config: KafkaSourceConfig
  readonly #connection: KafkaConnection
  readonly #blocks: BlockBufferPool
  readonly #commits: OffsetCommitter
  #client: KafkaClient | undefined
  #connected: Connected | undefined
  #reading: Reading | undefined

  constructor(config: KafkaSourceConfig, context: SourceContext) {
    this.#config = config
    this.#connection = context.connection as KafkaConnection
    this.#blocks = new BlockBufferPool(context.wantsKeys)
    this.#commits = new OffsetCommitter(`headrace.${context.pipeline}`, config.topic, context.log)
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const client = new KafkaClient(this.#connection)
    this.#client = client
    const aborted = Promise.withResolvers<never>()
    const abort = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      this.#connected = await Promise.race([this.#lookUp(client), aborted.promise])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async *read(from: Positions, signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const { client, layout, fetchVersion } = this.#use()
    this.#assertSameTopic(from, layout)
    if (signal.aborted) return
    const reading = new Reading({
      config: this.#config,
      connection: this.#connection,
      client,
      layout,
      fetchVersion,
      topicId: layout.topicId,
      readCommitted: this.#config.isolation === 'readCommitted',
      blocks: this.#blocks,
      crc32c: this.#config.checkCrcs ? (data) => crc32c(data) : undefined,
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
    const { topic, isolation } = this.#config
    const asked = new Map(layout.leaders.map((_, index) => [index, OFFSET_SPEC.latest]))
    const offsets = await client.listOffsets(topic, layout, asked, isolation === 'readCommitted' ? 1 : 0)
    return new Map([...offsets].map(([index, end]) => [partitionName(topic, index), positionOf(end, layout.topicId)]))
  }

  distance(from: Position, to: Position): number {
    return parsePosition(to).offset - parsePosition(from).offset
  }

  async acknowledge(positions: Positions): Promise<void> {
    await this.#commits.commit(this.#use().client, positions)
  }

  async close(): Promise<void> {
    this.#reading?.stop()
    await this.#commits.settled()
    this.#client?.close()
  }

  async #lookUp(client: KafkaClient): Promise<Connected> {
    await client.connect()
    const layout = await client.topicLayout(this.#config.topic)
    return { client, layout, fetchVersion: client.fetchVersion(layout) }
  }

  #use(): Connected {
    if (this.#connected === undefined) throw new Error('the source is not connected')
    return this.#connected
  }

  #assertSameTopic(from: Positions, { topicId: found }: TopicLayout): void {
    const { topic } = this.#config
    for (const [, position] of ownPositions(topic, from)) {
      const { topicId: expected } = parsePosition(position)
      if (expected !== undefined && found !== undefined && expected !== found) {
        throw new TopicRecreatedError({ topic, expected, found })
      }
    }
  }
}
