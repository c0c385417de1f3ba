import { setTimeout } from 'node:timers/promises'
import { produce } from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import type { TopicLayout } from '../client/layout.ts'
import {
  DUPLICATE_SEQUENCE_NUMBER,
  LEADER_NOT_AVAILABLE,
  ProtocolError,
  TOO_LARGE_CODES,
} from '../client/protocol-errors.ts'
import type { BrokerAddress } from '../client/sockets.ts'

/** Wait for every in-sync replica. */
const ACKS_ALL = -1
/** How long the broker may wait for them, in ms. */
const TIMEOUT_MS = 20_000
/** The same bytes again, which idempotence makes harmless: so often, waiting longer each time. */
const ATTEMPTS = 6
const FIRST_WAIT_MS = 50

interface PartitionPlace {
  readonly topic: string
  readonly index: number
}

/** A partition as it is written to. */
export interface LedPartition extends PartitionPlace {
  /** Undefined while the partition has none. */
  leader: BrokerAddress | undefined
}

/** A finished record batch, for one partition. */
export interface Sendable {
  readonly writer: LedPartition
  readonly records: Buffer
}

interface Failure<B> {
  readonly batch: B
  readonly error: unknown
}

export interface SenderOptions<B extends Sendable> {
  readonly client: KafkaClient
  /** Set where batches belong to transactions. */
  readonly transactionalId?: string
  /** Before the first batch of a request: the partitions that it has batches for. */
  readonly beforeSend?: (partitions: readonly PartitionPlace[]) => Promise<void>
  /** A batch that its topic finds too large, in parts that are to be sent instead, in order. */
  readonly split: (batch: B) => readonly B[]
}

/** Sends record batches to their partitions' leaders until all are acknowledged. */
export class BatchSender<B extends Sendable> {
  readonly #options: SenderOptions<B>

  constructor(options: SenderOptions<B>) {
    this.#options = options
  }

  /** One batch for each partition at most. Errors are not translated. */
  async send(batches: readonly B[]): Promise<void> {
    await this.#options.beforeSend?.(batches.map(({ writer }) => writer))
    let waiting = batches
    for (let attempt = 1; ; attempt++) {
      const byLeader = Map.groupBy(waiting, ({ writer: { leader } }) => leader && `${leader.host}:${leader.port}`)
      const outcomes = (await Promise.all([...byLeader.values()].map((some) => this.#request(some)))).flat()
      for (const { batch } of outcomes.filter(isTooLarge)) await this.#sendParts(batch)
      const failed = outcomes.filter((outcome) => !isTooLarge(outcome))
      if (failed.length === 0) return
      const fatal = failed.find(({ error }) => error instanceof ProtocolError && !error.canRetry)
      if (fatal !== undefined || attempt === ATTEMPTS) throw (fatal ?? failed[0])?.error
      await setTimeout(FIRST_WAIT_MS * 2 ** (attempt - 1))
      waiting = failed.map(({ batch }) => batch)
      await this.#findLeaders(waiting)
    }
  }

  /** One after the other: their sequence numbers follow each other. */
  async #sendParts(batch: B): Promise<void> {
    for (const part of this.#options.split(batch)) await this.send([part])
  }

  /** Those of the batches that one leader did not take. */
  async #request(batches: readonly B[]): Promise<Failure<B>[]> {
    const { client, transactionalId = null } = this.#options
    const byTopic = Map.groupBy(batches, ({ writer }) => writer.topic)
    const topicData = [...byTopic].map(([name, some]) => ({
      name,
      partitionData: some.map(({ writer, records }) => ({ index: writer.index, records })),
    }))
    try {
      const leader = batches[0]?.writer.leader
      if (leader === undefined) throw new ProtocolError(LEADER_NOT_AVAILABLE)
      const body = { transactionalId, acks: ACKS_ALL, timeoutMs: TIMEOUT_MS, topicData }
      const answer = await client.request(leader, produce, body)
      return batches.flatMap((batch) => {
        const { topic, index } = batch.writer
        const own = answer.responses.find(({ name }) => name === topic)?.partitionResponses
        const { errorCode = -1, errorMessage } = own?.find((one) => one.index === index) ?? {}
        // An attempt before, whose answer was lost, did it.
        if (errorCode === 0 || errorCode === DUPLICATE_SEQUENCE_NUMBER) return []
        return [{ batch, error: new ProtocolError(errorCode, errorMessage) }]
      })
    } catch (error) {
      return batches.map((batch) => ({ batch, error }))
    }
  }

  async #findLeaders(batches: readonly B[]): Promise<void> {
    const topics = [...new Set(batches.map(({ writer }) => writer.topic))]
    // A broker that does not answer yet is asked again with the next attempt.
    const layouts = await this.#options.client.describeTopics(topics).catch(() => new Map<string, TopicLayout>())
    for (const { writer } of batches) {
      const found = layouts.get(writer.topic)?.partitions.find(({ index }) => index === writer.index)
      if (found !== undefined) writer.leader = found.leader
    }
  }
}

function isTooLarge({ error }: Failure<unknown>): boolean {
  return error instanceof ProtocolError && TOO_LARGE_CODES.has(error.apiCode)
}
