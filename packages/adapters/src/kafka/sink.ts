import {
  type Batch,
  type Field,
  type RegistryConnection,
  registryConnection,
  SchemaRegistry,
  type Sink,
  type SinkContext,
} from '@headrace/core'
import { KafkaClient } from './client/client.ts'
import type { KafkaConnection } from './config.ts'
import type { KafkaSinkConfig } from './sink-config.ts'
import { AtLeastOnce } from './write/at-least-once.ts'
import { BatchWriter } from './write/batch-writer.ts'
import type { Delivery } from './write/delivery.ts'
import { ExactlyOnce } from './write/exactly-once.ts'

export function createSink(config: KafkaSinkConfig, context: SinkContext): Sink {
  return new KafkaSink(config, context)
}

/** One record per row. What becomes of a batch that is published again is the delivery's business. */
class KafkaSink implements Sink {
  readonly #config: KafkaSinkConfig
  readonly #context: SinkContext
  #client: KafkaClient | undefined
  #delivery: Delivery | undefined
  #registry: SchemaRegistry | undefined

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
    this.#delivery = await client.translated('give this producer an id', () => this.#open(client))
    this.#delivery.producer.addTopic(layout)
    signal.throwIfAborted()
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { client, delivery } = this.#connected()
    if (delivery.holds(batch)) return
    const { producer } = delivery
    const encode = await this.#encoder(batch.schema)
    const writer = new BatchWriter({ config: this.#config, batch, client, producer, encode })
    if (writer.mayRefuse && !delivery.undoes) await writer.check()
    const { incarnation, sequence } = batch.id
    await client.translated(`write to topic "${this.#config.topic}"`, () =>
      delivery.publish({ incarnation, sequence }, () => writer.write(signal)),
    )
  }

  /** Told after each commit. */
  async pending(): Promise<void> {
    const { client, delivery } = this.#connected()
    await client.translated('keep the marker', () => delivery.keep())
  }

  async close(): Promise<void> {
    this.#delivery?.close()
    this.#client?.close()
    this.#delivery = undefined
    this.#client = undefined
  }

  #open(client: KafkaClient): Promise<Delivery> {
    const config = this.#config
    if (config.delivery === 'atLeastOnce') return AtLeastOnce.open({ client, codec: config.compression })
    return ExactlyOnce.open({ config, context: this.#context, client })
  }

  #connected(): { client: KafkaClient; delivery: Delivery } {
    if (this.#client === undefined || this.#delivery === undefined) throw new Error('the sink is not connected')
    return { client: this.#client, delivery: this.#delivery }
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
}
