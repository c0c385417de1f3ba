import type { Batch, Sink, SinkContext } from '@headrace/core'
import { KafkaClient } from './client/client.ts'
import { maxMessageBytes } from './client/message-limits.ts'
import type { KafkaConnection } from './config.ts'
import type { KafkaSinkConfig } from './sink-config.ts'
import { AtLeastOnce } from './write/at-least-once.ts'
import { BatchWriter } from './write/batch-writer.ts'
import type { Delivery } from './write/delivery.ts'
import { ExactlyOnce } from './write/exactly-once.ts'
import { RecordTooLargeError } from './write/size-limit.ts'
import { RegisteredValues } from './write/values/registered-values.ts'

export function createSink(config: KafkaSinkConfig, context: SinkContext): Sink {
  return new KafkaSink(config, context)
}

/** One record per row. What becomes of a batch that is published again is the delivery's business. */
class KafkaSink implements Sink {
  readonly #config: KafkaSinkConfig
  readonly #context: SinkContext
  readonly #values: RegisteredValues
  #client: KafkaClient | undefined
  #delivery: Delivery | undefined

  constructor(config: KafkaSinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
    this.#values = new RegisteredValues(config, context)
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.close()
    this.#values.open()
    const client = new KafkaClient(this.#context.connection as KafkaConnection)
    this.#client = client
    await client.connect()
    const layout = await client.topicLayout(this.#config.topic)
    this.#delivery = await client.translated('give this producer an id', () => this.#open(client))
    this.#delivery.producer.addTopic(layout, await maxMessageBytes(client, this.#config.topic))
    signal.throwIfAborted()
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { client, delivery } = this.#connected()
    if (delivery.holds(batch)) return
    const { producer } = delivery
    const encoder = await this.#values.encoder(batch.schema)
    if (this.#config.topicColumn === undefined) await encoder?.prepare(this.#config.topic)
    const writer = new BatchWriter({ config: this.#config, batch, client, producer, encoder })
    if (!delivery.undoes) await writer.check()
    const { incarnation, sequence } = batch.id
    await client.translated(`write to topic "${this.#config.topic}"`, async () => {
      try {
        await delivery.publish({ incarnation, sequence }, () => writer.write(signal))
      } catch (error) {
        if (error instanceof RecordTooLargeError) await writer.blame(error)
        throw error
      }
    })
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
}
