import { type Batch, parseDuration, SinkBehindError, type SinkContext } from '@headrace/core'
import { KafkaClient } from '../client/client.ts'
import type { KafkaConnection } from '../config.ts'
import type { KafkaSinkConfig } from '../sink-config.ts'
import { type Delivery, isRowsFault } from './delivery.ts'
import { type Marker, standingOf } from './marker.ts'
import { RecordProducer } from './record-producer.ts'
import { SinkTransactions } from './sink-transactions.ts'

/** Where a publication in a transaction has got to. */
export type PublishStep = 'written' | 'marked' | 'committed'

/** A marker that nobody commits again is forgotten by the broker after seven days (`offsets.retention.minutes`). */
const MARKER_REFRESH_MS = 24 * 3600 * 1000

interface ExactlyOnceOptions {
  readonly config: KafkaSinkConfig
  readonly context: SinkContext
  /** For the records. */
  readonly client: KafkaClient
}

/** Each batch is a transaction that also says which batch it is, and the target is asked before anything is written. */
export class ExactlyOnce implements Delivery {
  readonly undoes = true
  readonly producer: RecordProducer
  readonly #options: ExactlyOnceOptions
  readonly #transactions: SinkTransactions
  /** Of the coordinators: what they are asked does not wait for the records that are being sent. */
  readonly #coordination: KafkaClient
  #marker: Marker | undefined
  #markedAt = Date.now()

  private constructor(
    options: ExactlyOnceOptions,
    coordination: KafkaClient,
    transactions: SinkTransactions,
    marker: Marker | undefined,
  ) {
    this.#options = options
    this.#coordination = coordination
    this.#transactions = transactions
    this.#marker = marker
    this.producer = new RecordProducer({
      client: options.client,
      codec: options.config.compression,
      identity: transactions.identity,
      transactionalId: idOf(options.context),
      beforeSend: (partitions) => transactions.addPartitions(partitions),
    })
  }

  static async open(options: ExactlyOnceOptions): Promise<ExactlyOnce> {
    const { config, context } = options
    const client = new KafkaClient(context.connection as KafkaConnection)
    try {
      await client.connect()
      const timeoutMs = parseDuration(config.transactionTimeout)
      const transactions = new SinkTransactions({ client, id: idOf(context), topic: config.topic, timeoutMs })
      await transactions.takeOver()
      return new ExactlyOnce(options, client, transactions, await transactions.marker())
    } catch (error) {
      client.close()
      throw error
    }
  }

  holds(batch: Batch): boolean {
    const standing = standingOf(this.#marker, batch, this.#reset())
    if (standing === 'unknown') this.#resume(batch)
    return standing === 'held'
  }

  /** Without a marker, the pipeline's own state is what tells how far the target is, if the user says that it may. */
  #resume({ id, untried }: Batch): void {
    const { sink, incarnation, sequence } = id
    const { config, context } = this.#options
    const group = `group "${idOf(context)}" has no offset for topic "${config.topic}"`
    if (config.lostMarker === 'error') {
      const wayOut = 'or, where only that offset is gone, see `lostMarker` of the kafka sink'
      throw new SinkBehindError({
        sink,
        incarnation,
        expected: sequence,
        found: 0,
        reset: `${this.#reset()}; ${wayOut}`,
      })
    }
    const message = `${group}: sink "${sink}" goes on with batch ${sequence}, as the pipeline's state has it`
    const hint = untried
      ? 'It was never tried before.'
      : 'It was tried before: should the topic hold it, its rows are there twice now.'
    context.log({ level: 'warn', message, hint })
  }

  async publish(marker: Marker, write: () => Promise<void>): Promise<void> {
    const transactions = this.#transactions
    const marking = transactions.begin(marker).then(() => this.#reached('marked'))
    // Told below, whatever comes first.
    marking.catch(() => undefined)
    try {
      await write()
      await this.producer.flush()
      this.#reached('written')
      await marking
      await transactions.commit()
      this.#reached('committed')
    } catch (error) {
      const explained = await transactions.explain(error)
      if (explained === error) await this.#undo(error)
      throw explained
    }
    this.#marker = marker
    this.#markedAt = Date.now()
  }

  /** Told after each commit of the pipeline's: a good time to keep the marker from being forgotten. */
  async keep(): Promise<void> {
    if (this.#marker === undefined || Date.now() - this.#markedAt < MARKER_REFRESH_MS) return
    await this.publish(this.#marker, async () => undefined)
  }

  close(): void {
    this.#coordination.close()
  }

  async #undo(error: unknown): Promise<void> {
    // Records or a marker that came after the abort would be in a transaction that nobody ends: first all is answered.
    await this.producer.settled()
    // Consumers need not wait for the timeout. If this fails too, the next one that takes over does it.
    await this.#transactions.abort().catch(() => undefined)
    if (!isRowsFault(error)) return
    // The batch comes again without those rows.
    await this.#transactions.takeOver()
    this.producer.restart(this.#transactions.identity)
  }

  #reset(): string {
    const { config, context } = this.#options
    return `run headrace topics delete ${config.topic}; headrace groups delete ${idOf(context)}`
  }

  /** A test ends the publication here, as if the process were killed: what is open stays open. */
  #reached(step: PublishStep): void {
    const { client, context } = this.#options
    try {
      context.onStep?.(step)
    } catch (error) {
      client.close()
      this.#coordination.close()
      throw error
    }
  }
}

/** The transactional id, and the group that the marker is committed for. */
function idOf({ pipeline, name }: SinkContext): string {
  return `headrace.${pipeline}.${name}`
}
