import { type Batch, BatchIncompleteError, type RejectedRow, RowsRejectedError } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import type { KafkaSinkConfig } from '../sink-config.ts'
import type { RecordProducer } from './record-producer.ts'
import { SinkRows } from './sink-rows.ts'
import { eachRow, nameOf } from './staged-rows.ts'

export interface BatchWriterOptions {
  readonly config: KafkaSinkConfig
  readonly batch: Batch
  readonly client: KafkaClient
  readonly producer: RecordProducer
  /** Makes the values where they are neither the rows' JSON nor one column. */
  readonly encode: ((row: Buffer) => Buffer) | undefined
}

/** Makes records of one batch's rows. */
export class BatchWriter {
  readonly #options: BatchWriterOptions
  readonly #rows: SinkRows
  /** Topics that rows name and that there are not. */
  readonly #missing = new Set<string>()

  constructor(options: BatchWriterOptions) {
    this.#options = options
    this.#rows = new SinkRows(options.config, options.batch.schema, options.encode)
  }

  /** Whether rows may be refused for what they say themselves. */
  get mayRefuse(): boolean {
    const { partition, topicColumn } = this.#options.config
    return partition !== undefined || topicColumn !== undefined
  }

  /** Looks at every row and writes none. Throws `RowsRejectedError`. */
  async check(): Promise<void> {
    await this.#each(() => undefined)
  }

  /** Gives all rows to the producer, which is to be flushed then. Throws `RowsRejectedError` with some of them written. */
  async write(signal: AbortSignal): Promise<void> {
    const { batch, producer } = this.#options
    const now = Date.now()
    const found = await this.#each((topic) => {
      const { partition, key, value, timestamp = now, headers } = this.#rows
      const full = producer.append(topic, partition, key, value, timestamp, headers)
      if (full !== undefined) signal.throwIfAborted()
      return full
    })
    if (found !== batch.rowCount) {
      throw new BatchIncompleteError({ batch: nameOf(batch), expected: batch.rowCount, found })
    }
  }

  /** Reads row after row; `take` gets those before the first that is refused. Gives how many there are. */
  async #each(take: (topic: string) => Promise<void> | undefined): Promise<number> {
    const { batch, config, producer } = this.#options
    const rejected: RejectedRow[] = []
    const judge = (topic: string, row: number): Promise<void> | undefined => {
      const reason = this.#refusal(topic)
      if (reason !== undefined) rejected.push({ row, reason })
      return rejected.length === 0 ? take(topic) : undefined
    }
    const found = await eachRow(batch, (bytes, row) => {
      this.#rows.read(bytes)
      const topic = this.#rows.topic ?? config.topic
      if (producer.knows(topic) || this.#missing.has(topic)) return judge(topic, row)
      return this.#find(topic).then(() => judge(topic, row))
    })
    if (rejected.length > 0) throw new RowsRejectedError({ sink: batch.id.sink, rows: rejected })
    return found
  }

  async #find(topic: string): Promise<void> {
    const { client, producer } = this.#options
    const layout = (await client.describeTopics([topic])).get(topic)
    if (layout === undefined) this.#missing.add(topic)
    else producer.addTopic(layout)
  }

  /** Why the row that was read last cannot be written. */
  #refusal(topic: string): string | undefined {
    if (this.#missing.has(topic)) return `topic "${topic}" does not exist`
    const { partition } = this.#rows
    const count = this.#options.producer.partitionCount(topic)
    if (partition === undefined || (partition >= 0 && partition < count)) return undefined
    return `topic "${topic}" has no partition ${partition}: it has ${count}`
  }
}
