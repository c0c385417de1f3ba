import { initProducerId } from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import { assertNoError } from '../client/protocol-errors.ts'
import { untilReady } from '../client/retry.ts'
import { type Delivery, isRowsFault } from './delivery.ts'
import { forgotten } from './forgotten.ts'
import type { Marker } from './marker.ts'
import { type ProducerIdentity, type ProducerOptions, RecordProducer } from './record-producer.ts'

/** A batch that is published again after a crash is written again; a request that is sent again is not. */
export class AtLeastOnce implements Delivery {
  readonly undoes = false
  readonly producer: RecordProducer

  readonly #client: KafkaClient

  private constructor(client: KafkaClient, producer: RecordProducer) {
    this.#client = client
    this.producer = producer
  }

  static async open({ client, codec }: Pick<ProducerOptions, 'client' | 'codec'>): Promise<AtLeastOnce> {
    return new AtLeastOnce(client, new RecordProducer({ client, codec, identity: await idempotentIdentity(client) }))
  }

  holds(): boolean {
    return false
  }

  async publish(_marker: Marker, write: () => Promise<void>): Promise<void> {
    try {
      await write()
      await this.producer.flush()
    } catch (error) {
      if (isRowsFault(error)) {
        await this.producer.settled()
        this.producer.restart(await idempotentIdentity(this.#client))
      }
      throw forgotten(error) ?? error
    }
  }

  async keep(): Promise<void> {}

  close(): void {}
}

function idempotentIdentity(client: KafkaClient): Promise<ProducerIdentity> {
  return untilReady(async () => {
    const answer = await client.requestAny(initProducerId, { transactionalId: null, transactionTimeoutMs: 0 })
    assertNoError(answer.errorCode)
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  })
}
