import type { OffsetStore } from '../groups/offset-store.ts'
import { KafkaError } from '../protocol/index.ts'
import type { TopicRegistry } from '../topics/topic-registry.ts'
import { includes, outcomeOf, type Transaction } from './transaction.ts'

/** Everything that transactions reach: the partitions that they write to, and the groups that they commit offsets for. */
export class Participants {
  readonly #topics: TopicRegistry
  readonly #offsets: OffsetStore

  constructor(topics: TopicRegistry, offsets: OffsetStore) {
    this.#topics = topics
    this.#offsets = offsets
  }

  /**
   * Tells all participants how the transaction ends. Doing so again adds markers that change nothing. Rejects where one could not be told,
   * once the others have been.
   */
  async end(transaction: Transaction): Promise<void> {
    const { producerId, producerEpoch, topics, groups } = transaction
    const outcome = outcomeOf(transaction)
    const marker = { producerId, producerEpoch, committed: outcome === 'commit', timestamp: Date.now() }
    const partitions = topics.flatMap(({ topic, partitions }) => partitions.map((index) => ({ topic, index })))
    const told = await Promise.allSettled([
      // A topic that has been deleted meanwhile needs no marker.
      ...partitions.map(({ topic, index }) => this.#topics.partition(topic, index)?.appendMarker(marker)),
      ...groups.map((group) => this.#offsets.endPending(group, producerId, outcome)),
    ])
    const failed = told.find((result) => result.status === 'rejected' && !isOutdated(result.reason))
    if (failed?.status === 'rejected') throw failed.reason
  }

  /**
   * Aborts what is open in partitions and groups without any of `transactions` knowing of it, as after a crash of the machine that took the
   * end of one file and not that of the other: nobody else would ever end it.
   */
  async abortHanging(transactions: readonly Transaction[]): Promise<void> {
    const known = new Map(transactions.map((transaction) => [transaction.producerId, transaction]))
    const aborts: Promise<unknown>[] = []
    for (const { name, partitions } of this.#topics.list())
      for (const [index, log] of partitions.entries())
        for (const { producerId, epoch, transactionStart } of log.producers) {
          const transaction = known.get(producerId)
          const isKnown = transaction && includes(transaction, name, index) && epoch <= transaction.producerEpoch
          if (transactionStart === null || isKnown) continue
          aborts.push(log.appendMarker({ producerId, producerEpoch: epoch, committed: false, timestamp: Date.now() }))
        }
    for (const { group, producerId } of this.#offsets.pending)
      if (!known.get(producerId)?.groups.includes(group))
        aborts.push(this.#offsets.endPending(group, producerId, 'abort'))
    await Promise.all(aborts)
  }

  /** By producer id, the latest epoch that a partition has heard of. */
  latestEpochs(): ReadonlyMap<number, number> {
    const latest = new Map<number, number>()
    for (const { partitions } of this.#topics.list())
      for (const { producerId, epoch } of partitions.flatMap((log) => log.producers))
        latest.set(producerId, Math.max(epoch, latest.get(producerId) ?? epoch))
    return latest
  }
}

/** The producer has a later epoch in that partition, so its transaction there has ended already. */
function isOutdated(reason: unknown): boolean {
  return reason instanceof KafkaError && reason.name === 'INVALID_PRODUCER_EPOCH'
}
