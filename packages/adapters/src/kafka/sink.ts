import { createReadStream } from 'node:fs'
import { initProducerId } from '@headrace/broker/protocol'
import {
  type Batch,
  BatchIncompleteError,
  BatchUnreadableError,
  type Field,
  parseDuration,
  type RegistryConnection,
  type RejectedRow,
  RowsRejectedError,
  registryConnection,
  SchemaRegistry,
  type Sink,
  SinkAheadError,
  SinkBehindError,
  type SinkContext,
  SinkForeignError,
} from '@headrace/core'
import { KafkaClient } from './client/client.ts'
import { assertNoError } from './client/protocol-errors.ts'
import { untilReady } from './client/retry.ts'
import type { KafkaConnection } from './config.ts'
import type { KafkaSinkConfig } from './sink-config.ts'
import { wholeLines } from './write/lines.ts'
import { type ProducerIdentity, RecordProducer } from './write/record-producer.ts'
import { SinkRows } from './write/sink-rows.ts'
import { type Marker, SinkTransactions } from './write/sink-transactions.ts'

const NEWLINE = 0x0a

export function createSink(config: KafkaSinkConfig, context: SinkContext): Sink {
  return new KafkaSink(config, context)
}

/** Where a publication in a transaction has got to. */
export type PublishStep = 'written' | 'marked' | 'committed'

/** A marker that nobody commits again is forgotten by the broker after seven days (`offsets.retention.minutes`). */
const MARKER_REFRESH_MS = 24 * 3600 * 1000

/**
 * One record per row. At least once: a batch that is published again after a crash is written again. Exactly once: each batch
 * is a transaction that also says which batch it is, and the target is asked before anything is written.
 */
class KafkaSink implements Sink {
  readonly #config: KafkaSinkConfig
  readonly #context: SinkContext
  #client: KafkaClient | undefined
  #producer: RecordProducer | undefined
  #transactions: SinkTransactions | undefined
  #registry: SchemaRegistry | undefined
  #marker: Marker | undefined
  #markedAt = 0

  constructor(config: KafkaSinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.close()
    const client = new KafkaClient(this.#context.connection as KafkaConnection)
    this.#client = client
    await client.connect()
    const layout = await client.topicLayout(this.#config.topic)
    this.#producer = await client.translated('give this producer an id', () => this.#newProducer(client))
    this.#producer.addTopic(layout)
    signal.throwIfAborted()
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { client, producer } = this.#connected()
    const { topic } = this.#config
    const { incarnation, sequence } = batch.id
    if (this.#transactions !== undefined && holds(this.#marker, batch, this.#reset())) return
    await this.#checkRows(batch, client, producer)
    await client.translated(`write to topic "${topic}"`, () =>
      this.#inTransaction({ incarnation, sequence }, async () => {
        await this.#write(batch, producer, signal)
        await producer.flush()
        this.#reached('written')
      }),
    )
  }

  /** Told after each commit: a good time to keep the marker from being forgotten. */
  async pending(): Promise<void> {
    const marker = this.#marker
    if (marker === undefined || Date.now() - this.#markedAt < MARKER_REFRESH_MS) return
    const { client } = this.#connected()
    await client.translated('keep the marker', () => this.#inTransaction(marker, async () => undefined))
  }

  async close(): Promise<void> {
    this.#client?.close()
    this.#producer = undefined
    this.#client = undefined
    this.#transactions = undefined
  }

  async #newProducer(client: KafkaClient): Promise<RecordProducer> {
    const { compression: codec, delivery, topic, transactionTimeout } = this.#config
    if (delivery === 'atLeastOnce') {
      return new RecordProducer({ client, codec, identity: await untilReady(() => idempotentIdentity(client)) })
    }
    const { pipeline, name } = this.#context
    const id = `headrace.${pipeline}.${name}`
    const transactions = new SinkTransactions({ client, id, topic, timeoutMs: parseDuration(transactionTimeout) })
    await transactions.takeOver()
    this.#marker = await transactions.marker()
    this.#markedAt = Date.now()
    this.#transactions = transactions
    return new RecordProducer({
      client,
      codec,
      identity: transactions.identity,
      transactionalId: id,
      beforeSend: (partitions) => transactions.addPartitions(partitions),
    })
  }

  /** The work, and the marker that says it is done, in one transaction; the work alone where there are none. */
  async #inTransaction(marker: Marker, work: () => Promise<void>): Promise<void> {
    const transactions = this.#transactions
    if (transactions === undefined) return await work()
    try {
      await work()
      await transactions.mark(marker)
      this.#reached('marked')
      await transactions.commit()
      this.#reached('committed')
    } catch (error) {
      const explained = await transactions.explain(error)
      // Consumers need not wait for the timeout. If this fails too, the next one that takes over does it.
      if (explained === error) await transactions.abort().catch(() => undefined)
      throw explained
    }
    this.#marker = marker
    this.#markedAt = Date.now()
  }

  /** What makes the values of rows of this schema, which is registered first; undefined where they are JSON or a column. */
  async #encoder(schema: readonly Field[]): Promise<((row: Buffer) => Buffer) | undefined> {
    const { value, exclude = [], topic, subject = `${topic}-value`, registry } = this.#config
    if (value !== 'avro') return undefined
    const { avroRows } = await import('./write/avro-values.ts')
    const columns = schema.filter(({ name }) => !exclude.includes(name))
    const rows = avroRows(topic.replaceAll(/^(?=\d)|[^A-Za-z0-9_]/g, '_'), columns)
    this.#registry ??= new SchemaRegistry(
      this.#context.otherConnection?.(registryConnection.type, registry) as RegistryConnection,
    )
    const frame = Buffer.alloc(5)
    frame.writeInt32BE(await this.#registry.register(subject, 'AVRO', rows.schema), 1)
    return (row) => Buffer.concat([frame, rows.encode(row)])
  }

  #reset(): string {
    const { pipeline, name } = this.#context
    return `run headrace topics delete ${this.#config.topic}; headrace groups delete headrace.${pipeline}.${name}`
  }

  /** A test ends the publication here, as if the process were killed: what is open stays open. */
  #reached(step: PublishStep): void {
    try {
      this.#context.onStep?.(step)
    } catch (error) {
      this.#client?.close()
      throw error
    }
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
    const rows = new SinkRows(this.#config, batch.schema, await this.#encoder(batch.schema))
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

/** Whether the target holds the batch. Throws SINK_AHEAD, SINK_BEHIND or SINK_FOREIGN where it holds what does not fit. */
function holds(marker: Marker | undefined, { id, untried }: Batch, reset: string): boolean {
  const { sink, incarnation, sequence } = id
  if (marker !== undefined && marker.incarnation !== incarnation) {
    throw new SinkForeignError({ sink, incarnation, found: marker.incarnation, reset })
  }
  const found = marker?.sequence ?? 0
  if (found === sequence - 1) return false
  if (found === sequence && !untried) return true
  const details = { sink, incarnation, expected: sequence, found, reset }
  throw found >= sequence ? new SinkAheadError(details) : new SinkBehindError(details)
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
