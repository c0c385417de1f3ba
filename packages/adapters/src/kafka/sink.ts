import { createReadStream } from 'node:fs'
import { isIP } from 'node:net'
import { type AdapterContext, type Batch, BatchIncompleteError, BatchUnreadableError, type Sink } from '@headrace/core'
import { Producer } from '@platformatic/kafka'
import { KafkaClient } from './client.ts'
import { addressesOf, type KafkaConnection, type KafkaSinkConfig } from './config.ts'
import { lines } from './lines.ts'

/** What one request may hold: well below the limit that brokers have from the start (1 MiB). */
const REQUEST = { bytes: 512 * 1024, records: 5_000 }

/** Wait for every in-sync replica. */
const ACKS_ALL = -1

export function createSink(config: KafkaSinkConfig, context: AdapterContext): Sink {
  return new KafkaSink(config, context)
}

interface Message {
  readonly topic: string
  readonly value: Buffer
  readonly key?: Buffer
}

function producerOptions(connection: KafkaConnection) {
  const { clientId, ssl, sasl } = connection
  // An address in numbers has no name that a certificate is chosen by.
  const hasNumbers = addressesOf(connection).some(({ host }) => isIP(host) !== 0)
  return {
    clientId,
    bootstrapBrokers: addressesOf(connection).map(({ host, port }) => ({ host, port })),
    idempotent: true,
    acks: ACKS_ALL,
    autocreateTopics: false,
    // The engine tries again, and says so; a client that retries silently only makes errors late.
    retries: 0,
    ...(sasl && { sasl }),
    ...(ssl && { tls: typeof ssl === 'object' ? ssl : {}, tlsServerName: !hasNumbers }),
  }
}

/** One JSON value per row. A batch that is published again after a crash is written again: at-least-once. */
class KafkaSink implements Sink {
  readonly #config: KafkaSinkConfig
  readonly #connection: KafkaConnection
  #client: KafkaClient | undefined
  #producer: Producer | undefined

  constructor(config: KafkaSinkConfig, context: AdapterContext) {
    this.#config = config
    this.#connection = context.connection as KafkaConnection
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.close()
    this.#client = new KafkaClient(this.#connection)
    await this.#client.connect()
    await this.#client.topicLayout(this.#config.topic)
    this.#producer = new Producer(producerOptions(this.#connection))
    signal.throwIfAborted()
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    let messages: Message[] = []
    let bytes = 0
    let found = 0
    for (const { path } of batch.files) {
      for await (const value of lines(staged(path, batch))) {
        signal.throwIfAborted()
        if (messages.length === REQUEST.records || bytes + value.length > REQUEST.bytes) {
          await this.#send(messages)
          messages = []
          bytes = 0
        }
        messages.push(this.#message(value))
        bytes += value.length
        found++
      }
    }
    if (found !== batch.rowCount) {
      throw new BatchIncompleteError({ batch: nameOf(batch), expected: batch.rowCount, found })
    }
    await this.#send(messages)
  }

  async close(): Promise<void> {
    await this.#producer?.close()
    this.#client?.close()
    this.#producer = undefined
    this.#client = undefined
  }

  #message(value: Buffer): Message {
    const { topic, key: column } = this.#config
    const key = column === undefined ? null : columnText(value, column)
    return key === null ? { topic, value } : { topic, value, key: Buffer.from(key) }
  }

  async #send(messages: Message[]): Promise<void> {
    if (messages.length === 0) return
    if (this.#producer === undefined || this.#client === undefined) throw new Error('the sink is not connected')
    try {
      await this.#producer.send({ messages })
    } catch (error) {
      throw this.#client.translate(error, `write to topic "${this.#config.topic}"`)
    }
  }
}

async function* staged(path: string, batch: Batch): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new BatchUnreadableError({ batch: nameOf(batch), reason }, { cause: error })
  }
}

function nameOf({ id }: Batch): string {
  return `${id.pipeline}/${id.incarnation}/${id.sink}/${id.sequence}`
}

/** A column of a JSON row as text; a number as it stands there, since JavaScript may round it. */
function columnText(row: Buffer, column: string): string | null {
  const numbers = new Map<unknown, string | undefined>()
  const keepSource = function (this: unknown, name: string, value: unknown, context?: { readonly source?: string }) {
    if (name === column && typeof value === 'number') numbers.set(this, context?.source)
    return value
  }
  const parsed: Record<string, unknown> = JSON.parse(row.toString(), keepSource)
  const value = parsed[column]
  if (value === null || value === undefined) return null
  if (typeof value === 'number') return numbers.get(parsed) ?? String(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}
