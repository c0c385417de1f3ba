import { createReadStream } from 'node:fs'
import { initProducerId } from '@headrace/broker/protocol'
import {
  type Batch,
  BatchIncompleteError,
  BatchUnreadableError,
  type RejectedRow,
  RowsRejectedError,
  type Sink,
  type SinkContext,
} from '@headrace/core'
import { KafkaClient } from './client.ts'
import type { KafkaConnection } from './config.ts'
import { wholeLines } from './lines.ts'
import { assertNoError } from './protocol-errors.ts'
import { type ProducerIdentity, RecordProducer } from './record-producer.ts'
import { untilReady } from './retry.ts'
import type { KafkaSinkConfig } from './sink-config.ts'
import { SinkRows } from './sink-rows.ts'

const NEWLINE = 0x0a

export function createSink(config: KafkaSinkConfig, context: SinkContext): Sink {
  return new KafkaSink(config, context)
}

/** One record per row. A batch that is published again after a crash is written again: at-least-once. */
class KafkaSink implements Sink {
  readonly #config: KafkaSinkConfig
  readonly #connection: KafkaConnection
  #client: KafkaClient | undefined
  #producer: RecordProducer | undefined

  constructor(config: KafkaSinkConfig, context: SinkContext) {
    this.#config = config
    this.#connection = context.connection as KafkaConnection
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.close()
    const client = new KafkaClient(this.#connection)
    this.#client = client
    await client.connect()
    const layout = await client.topicLayout(this.#config.topic)
    const identity = await client.translated('give this producer an id', () =>
      untilReady(() => idempotentIdentity(client)),
    )
    this.#producer = new RecordProducer({ client, identity, codec: this.#config.compression })
    this.#producer.addTopic(layout)
    signal.throwIfAborted()
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { client, producer } = this.#connected()
    await this.#checkRows(batch, client, producer)
    await client.translated(`write to topic "${this.#config.topic}"`, async () => {
      await this.#write(batch, producer, signal)
      await producer.flush()
    })
  }

  async close(): Promise<void> {
    this.#client?.close()
    this.#producer = undefined
    this.#client = undefined
  }

  #connected(): { client: KafkaClient; producer: RecordProducer } {
    if (this.#client === undefined || this.#producer === undefined) throw new Error('the sink is not connected')
    return { client: this.#client, producer: this.#producer }
  }

  /** Before anything is written: rows that name a topic or partition that there is not. */
  async #checkRows(batch: Batch, client: KafkaClient, producer: RecordProducer): Promise<void> {
    const { topic: usual, partition, topicColumn } = this.#config
    if (partition === undefined && topicColumn === undefined) return
    const rows = new SinkRows(this.#config, batch.schema)
    const rejected: RejectedRow[] = []
    const missing = new Set<string>()
    const check = (row: number): void => {
      const topic = rows.topic ?? usual
      const count = producer.partitionCount(topic)
      const asked = rows.partition
      if (missing.has(topic)) rejected.push({ row, reason: `topic "${topic}" does not exist` })
      else if (asked !== undefined && !(asked >= 0 && asked < count)) {
        rejected.push({ row, reason: `topic "${topic}" has no partition ${asked}: it has ${count}` })
      }
    }
    await eachRow(batch, (bytes, row) => {
      rows.read(bytes)
      const topic = rows.topic ?? usual
      if (producer.knows(topic) || missing.has(topic)) return void check(row)
      return client.describeTopics([topic]).then((layouts) => {
        const found = layouts.get(topic)
        if (found === undefined) missing.add(topic)
        else producer.addTopic(found)
        check(row)
      })
    })
    if (rejected.length > 0) throw new RowsRejectedError({ sink: batch.id.sink, rows: rejected })
  }

  async #write(batch: Batch, producer: RecordProducer, signal: AbortSignal): Promise<void> {
    const rows = new SinkRows(this.#config, batch.schema)
    const now = Date.now()
    const found = await eachRow(batch, (row) => {
      rows.read(row)
      const { topic = this.#config.topic, partition, key, value, timestamp = now, headers } = rows
      const full = producer.append(topic, partition, key, value, timestamp, headers)
      if (full !== undefined) signal.throwIfAborted()
      return full
    })
    if (found !== batch.rowCount) {
      throw new BatchIncompleteError({ batch: nameOf(batch), expected: batch.rowCount, found })
    }
  }
}

async function idempotentIdentity(client: KafkaClient): Promise<ProducerIdentity> {
  const answer = await client.requestAny(initProducerId, { transactionalId: null, transactionTimeoutMs: 0 })
  assertNoError(answer.errorCode)
  return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
}

/** Shows the staged rows of a batch in order, each as a view, and waits where `visit` wants it. Gives their number. */
async function eachRow(
  batch: Batch,
  visit: (row: Buffer, number: number) => Promise<void> | undefined,
): Promise<number> {
  let number = 0
  for (const { path } of batch.files) {
    for await (const block of wholeLines(staged(path, batch))) {
      let start = 0
      for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, start)) {
        const wait = visit(block.subarray(start, end), number++)
        if (wait !== undefined) await wait
        start = end + 1
      }
    }
  }
  return number
}

async function* staged(path: string, batch: Batch): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: 1024 * 1024 })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new BatchUnreadableError({ batch: nameOf(batch), reason }, { cause: error })
  }
}

function nameOf({ id }: Batch): string {
  return `${id.pipeline}/${id.incarnation}/${id.sink}/${id.sequence}`
}
