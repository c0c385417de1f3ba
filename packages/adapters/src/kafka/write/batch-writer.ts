import { type Batch, BatchIncompleteError, type RejectedRow, RowsRejectedError } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import { maxMessageBytes } from '../client/message-limits.ts'
import type { KafkaSinkConfig } from '../sink-config.ts'
import type { RecordProducer } from './record-producer.ts'
import { SinkRows } from './sink-rows.ts'
import type { RecordTooLargeError } from './size-limit.ts'
import { eachRow, hasLongerRow, nameOf } from './staged-rows.ts'
import type { RowEncoder } from './values/registered-values.ts'
import { ValueRefusedError } from './values/staged-scalars.ts'

export interface BatchWriterOptions {
  readonly config: KafkaSinkConfig
  readonly batch: Batch
  readonly client: KafkaClient
  readonly producer: RecordProducer
  /** Makes the values where they are neither the rows' JSON nor one column. */
  readonly encoder: RowEncoder | undefined
}

/** Looks at the row from `start` to `end` in the block, which was located. Throws ValueRefusedError. */
type Look = (topic: string, block: Buffer, start: number, end: number) => void

/** Makes records of one batch's rows. */
export class BatchWriter {
  readonly #options: BatchWriterOptions
  readonly #rows: SinkRows
  /** Topics that rows name and that there are not. */
  readonly #missing = new Set<string>()
  /** Topics that were looked at again for a partition that they did not have. */
  readonly #lookedAt = new Set<string>()

  constructor(options: BatchWriterOptions) {
    this.#options = options
    this.#rows = new SinkRows(options.config, options.batch.schema, options.encoder)
  }

  /**
   * Looks at every row that may be refused and writes none. Throws `RowsRejectedError`. `weigh`: sizes count even if no row is so
   * long that its record might be too large.
   */
  async check(weigh = false): Promise<void> {
    const { batch, config, encoder, producer } = this.#options
    const harmless = harmlessRowBytes(producer.limitOf(config.topic).harmlessBytes, config.headers)
    const weighs = weigh || config.topicColumn !== undefined || (await hasLongerRow(batch, harmless))
    if (!weighs && config.partition === undefined && encoder?.mayRefuse !== true) return
    const look: Look = weighs ? this.#read : (_topic, block) => this.#rows.check(block)
    await this.#each(look, () => undefined)
  }

  /** A record that the batch became was refused for its size: finds the row. Throws `RowsRejectedError`. */
  async blame({ topic, size }: RecordTooLargeError): Promise<void> {
    const { client, producer } = this.#options
    producer.limitOf(topic).refusedAlone(size, await maxMessageBytes(client, topic))
    await this.check(true)
  }

  /** Gives all rows to the producer, which is to be flushed then. Throws `RowsRejectedError` with some of them written. */
  async write(signal: AbortSignal): Promise<void> {
    const { batch, producer } = this.#options
    const now = Date.now()
    const found = await this.#each(this.#read, (topic) => {
      const { partition, timestamp = now } = this.#rows
      // Not before it is done: what is still being sent then would come after the abort.
      return producer.append(topic, partition, this.#rows, timestamp)?.then(() => signal.throwIfAborted())
    })
    if (found !== batch.rowCount) {
      throw new BatchIncompleteError({ batch: nameOf(batch), expected: batch.rowCount, found })
    }
  }

  readonly #read: Look = (topic, block, start, end) => {
    const { producer } = this.#options
    this.#rows.read(block, start, end)
    const bytes = producer.excess(topic, this.#rows)
    if (bytes !== undefined) throw new ValueRefusedError(producer.limitOf(topic).reason(topic, bytes))
  }

  /** Looks at row after row; `take` gets those before the first that is refused. Gives how many there are. */
  async #each(look: Look, take: (topic: string) => Promise<void> | undefined): Promise<number> {
    const { batch, config } = this.#options
    const rejected: RejectedRow[] = []
    const judge = (
      topic: string,
      block: Buffer,
      start: number,
      end: number,
      row: number,
    ): Promise<void> | undefined => {
      const reason = this.#placeRefusal(topic) ?? valueRefusal(look, topic, block, start, end)
      if (reason !== undefined) rejected.push({ row, reason })
      return rejected.length === 0 ? take(topic) : undefined
    }
    const found = await eachRow(batch, (block, start, end, row) => {
      this.#rows.locate(block, start, end)
      const { topic = config.topic } = this.#rows
      if (this.#isReady(topic)) return judge(topic, block, start, end, row)
      return this.#makeReady(topic).then(() => judge(topic, block, start, end, row))
    })
    if (rejected.length > 0) throw new RowsRejectedError({ sink: batch.id.sink, rows: rejected })
    return found
  }

  #isReady(topic: string): boolean {
    const { config, encoder, producer } = this.#options
    const { topicColumn, partition } = config
    if (topicColumn === undefined && partition === undefined) return true
    if (this.#missing.has(topic)) return true
    if (this.#mayHaveGrown(topic)) return false
    return topicColumn === undefined || (producer.knows(topic) && encoder?.isReady(topic) !== false)
  }

  async #makeReady(topic: string): Promise<void> {
    const { client, encoder, producer } = this.#options
    if (!producer.knows(topic)) {
      const layout = (await client.describeTopics([topic])).get(topic)
      if (layout === undefined) {
        this.#missing.add(topic)
        return
      }
      producer.addTopic(layout, await maxMessageBytes(client, topic))
    } else if (this.#mayHaveGrown(topic)) {
      this.#lookedAt.add(topic)
      const layout = (await client.describeTopics([topic])).get(topic)
      if (layout !== undefined) producer.addPartitions(layout)
    }
    await encoder?.prepare(topic)
  }

  /** Whether the row that was located last wants a partition that its topic did not have when it was looked at. */
  #mayHaveGrown(topic: string): boolean {
    const { partition } = this.#rows
    if (partition === undefined || partition < this.#options.producer.partitionCount(topic)) return false
    return this.#options.producer.knows(topic) && !this.#lookedAt.has(topic)
  }

  /** Why the row that was located last cannot go where it wants to. */
  #placeRefusal(topic: string): string | undefined {
    if (this.#missing.has(topic)) return `topic "${topic}" does not exist`
    const { partition } = this.#rows
    if (partition === undefined) return undefined
    const count = this.#options.producer.partitionCount(topic)
    if (partition >= 0 && partition < count) return undefined
    return `topic "${topic}" has no partition ${partition}: it has ${count}`
  }
}

/** What a batch and a record have beside key, value and headers, and a value beside what the row has, at most. */
const FRAME_BYTES = 128

/** No row of so many bytes becomes a record above the limit: key and headers are parts of it, and no format is thrice as long. */
function harmlessRowBytes(limit: number, headers: readonly string[] = []): number {
  const names = headers.reduce((sum, name) => sum + 8 + Buffer.byteLength(name), 0)
  return Math.max(0, Math.floor((limit - FRAME_BYTES - names) / (4 + headers.length)))
}

function valueRefusal(look: Look, topic: string, block: Buffer, start: number, end: number): string | undefined {
  try {
    look(topic, block, start, end)
    return undefined
  } catch (error) {
    if (error instanceof ValueRefusedError) return error.message
    throw error
  }
}
