import type { ProducerIds } from '../cluster/producer-ids.ts'
import { realTimers, type Timer, type Timers } from '../groups/timers.ts'
import { KafkaError } from '../protocol/index.ts'
import type { Participants } from './participants.ts'
import {
  assertNotEnding,
  assertProducer,
  hasUsedUpEpochs,
  includes,
  isEnding,
  isOpen,
  judgeEnd,
  judgeResumption,
  newTransaction,
  type Outcome,
  type ProducerRef,
  type TopicPartitions,
  type Transaction,
  withCompletedEnd,
  withFencingEpoch,
  withNewProducerId,
  withNextEpoch,
  withParticipants,
  withPreparedEnd,
} from './transaction.ts'
import type { TransactionLog } from './transaction-log.ts'
import type { TransactionSettings } from './transaction-settings.ts'

/** Ids that are to be forgotten are looked for so often. */
const EXPIRE_EVERY_MS = 60 * 60 * 1000

/** A participant that could not be told of an end, its disk being full perhaps, is told again after so long. */
const RETRY_MS = 500

export interface CoordinatorOptions {
  readonly log: TransactionLog
  readonly participants: Participants
  readonly producerIds: ProducerIds
  readonly settings: TransactionSettings
  /** Told of failures that nobody waits for. */
  readonly onError: (error: unknown) => void
  readonly timers?: Timers
}

/**
 * Who may write under each transactional id, and how its transactions end. An end is written down before any participant is told, so that
 * it is the same for all of them whenever the process is killed. Requests for one id are served one after the other. Throws `KafkaError`s.
 */
export class TransactionCoordinator {
  readonly #log: TransactionLog
  readonly #participants: Participants
  readonly #producerIds: ProducerIds
  readonly #settings: TransactionSettings
  readonly #onError: (error: unknown) => void
  readonly #timers: Timers
  /** The last request for each id that is being served. */
  readonly #busy = new Map<string, Promise<void>>()
  readonly #alarms = new Map<string, Timer>()
  /**
   * By producer id, epochs that partitions know and the log does not, as after a crash of the machine: given out again, they would make new
   * records look like old ones that are sent again.
   */
  readonly #lostEpochs = new Map<number, number>()
  #expiry: Timer | undefined
  #isClosed = false

  private constructor({ log, participants, producerIds, settings, onError, timers = realTimers }: CoordinatorOptions) {
    this.#log = log
    this.#participants = participants
    this.#producerIds = producerIds
    this.#settings = settings
    this.#onError = onError
    this.#timers = timers
  }

  /** Takes up what the last process left: what was being ended is ended. */
  static async open(options: CoordinatorOptions): Promise<TransactionCoordinator> {
    const coordinator = new TransactionCoordinator(options)
    await options.participants.abortHanging(options.log.list())
    coordinator.#findLostEpochs()
    await Promise.all(options.log.list().map((transaction) => coordinator.#takeUp(transaction)))
    await coordinator.#expireIds()
    return coordinator
  }

  find(transactionalId: string): Transaction | undefined {
    return this.#log.get(transactionalId)
  }

  list(): Transaction[] {
    return this.#log.list()
  }

  /**
   * Gives a producer the id and epoch to write with; whoever wrote under the transactional id before is fenced, and its open transaction
   * aborted. `asking` is what the producer has had until now, where it has been going on. Throws INVALID_REQUEST,
   * INVALID_TRANSACTION_TIMEOUT, PRODUCER_FENCED or CONCURRENT_TRANSACTIONS.
   */
  async initProducer(
    transactionalId: string,
    timeoutMs: number,
    asking: ProducerRef | undefined,
  ): Promise<ProducerRef> {
    if (transactionalId === '') throw new KafkaError('INVALID_REQUEST', 'a transactional id must not be empty')
    if (timeoutMs <= 0 || timeoutMs > this.#settings.maxTimeoutMs)
      throw new KafkaError('INVALID_TRANSACTION_TIMEOUT', `a transaction cannot time out after ${timeoutMs} ms`)
    return this.#exclusively(transactionalId, async () => {
      const known = this.find(transactionalId)
      if (known === undefined)
        return this.#save(newTransaction(transactionalId, await this.#producerIds.next(), timeoutMs, Date.now()))
      if (judgeResumption(known, asking).isRetry) return known
      const settled = this.#withLostEpochs(await this.#ended(known, asking))
      assertNotEnding(settled)
      const next = withNextEpoch(settled, asking, timeoutMs, Date.now())
      return this.#save(hasUsedUpEpochs(settled) ? withNewProducerId(next, await this.#producerIds.next()) : next)
    })
  }

  /** Takes partitions into the producer's transaction, which begins with the first. */
  async addPartitions(
    transactionalId: string,
    producer: ProducerRef,
    topics: readonly TopicPartitions[],
  ): Promise<void> {
    await this.#add(transactionalId, producer, topics, [])
  }

  /** Takes a group into the producer's transaction, so that offsets can be committed for it. */
  async addGroup(transactionalId: string, producer: ProducerRef, group: string): Promise<void> {
    await this.#add(transactionalId, producer, [], [group])
  }

  /** Resolves when the end is certain, and mostly when all participants know of it. */
  async end(transactionalId: string, producer: ProducerRef, outcome: Outcome): Promise<void> {
    await this.#exclusively(transactionalId, async () => {
      const transaction = this.#of(transactionalId, producer)
      if (judgeEnd(transaction, outcome) === 'end') await this.#end(transaction, outcome)
    })
  }

  /** Throws unless the producer has an open transaction with that partition in it: INVALID_TXN_STATE where only that is missing. */
  assertHasPartition(transactionalId: string, producer: ProducerRef, topic: string, partition: number): void {
    if (!includes(this.#openOf(transactionalId, producer), topic, partition))
      throw new KafkaError('INVALID_TXN_STATE', `partition ${partition} of "${topic}" was not added to the transaction`)
  }

  /** The same for a group. */
  assertHasGroup(transactionalId: string, producer: ProducerRef, group: string): void {
    if (!this.#openOf(transactionalId, producer).groups.includes(group))
      throw new KafkaError('INVALID_TXN_STATE', `group "${group}" was not added to the transaction`)
  }

  /** Lets what is being served come to its end; open transactions stay open. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#expiry?.cancel()
    for (const alarm of this.#alarms.values()) alarm.cancel()
    await Promise.all(this.#busy.values())
    await this.#log.close()
  }

  #openOf(transactionalId: string, producer: ProducerRef): Transaction {
    const transaction = this.#of(transactionalId, producer)
    assertNotEnding(transaction)
    if (!isOpen(transaction))
      throw new KafkaError(
        'INVALID_TXN_STATE',
        `"${transactionalId}" has no transaction open: it is ${transaction.state}`,
      )
    return transaction
  }

  #findLostEpochs(): void {
    const latest = this.#participants.latestEpochs()
    for (const { producerId, producerEpoch } of this.list()) {
      const epoch = latest.get(producerId) ?? -1
      if (epoch > producerEpoch) this.#lostEpochs.set(producerId, epoch)
    }
  }

  #withLostEpochs(transaction: Transaction): Transaction {
    const { producerId, producerEpoch } = transaction
    return { ...transaction, producerEpoch: Math.max(producerEpoch, this.#lostEpochs.get(producerId) ?? producerEpoch) }
  }

  #of(transactionalId: string, producer: ProducerRef): Transaction {
    const transaction = this.find(transactionalId)
    assertProducer(transaction, producer)
    return transaction
  }

  async #add(
    transactionalId: string,
    producer: ProducerRef,
    topics: readonly TopicPartitions[],
    groups: readonly string[],
  ): Promise<void> {
    await this.#exclusively(transactionalId, async () => {
      const transaction = this.#of(transactionalId, producer)
      const joined = withParticipants(transaction, topics, groups, Date.now())
      if (joined !== transaction) await this.#save(joined)
    })
  }

  /** Ends what is open, fencing who opened it, and what is being ended; that may not succeed for now. */
  #ended(transaction: Transaction, asking?: ProducerRef): Promise<Transaction> | Transaction {
    if (isEnding(transaction)) return this.#complete(transaction)
    return isOpen(transaction) ? this.#end(withFencingEpoch(transaction, asking), 'abort') : transaction
  }

  async #end(transaction: Transaction, outcome: Outcome): Promise<Transaction> {
    return this.#complete(await this.#save(withPreparedEnd(transaction, outcome, Date.now())))
  }

  /** Never rejects: the end is decided, and where somebody cannot be told of it now, it will be later. */
  async #complete(transaction: Transaction): Promise<Transaction> {
    try {
      await this.#participants.end(transaction)
      return await this.#save(withCompletedEnd(transaction, Date.now()))
    } catch (error) {
      this.#onError(error)
      this.#setAlarm(transaction)
      return transaction
    }
  }

  async #save(transaction: Transaction): Promise<Transaction> {
    try {
      await this.#log.put(transaction)
    } catch (error) {
      throw new KafkaError('COORDINATOR_NOT_AVAILABLE', `the transaction's state could not be written: ${error}`)
    }
    this.#setAlarm(transaction)
    return transaction
  }

  async #takeUp(transaction: Transaction): Promise<void> {
    if (isEnding(transaction)) await this.#complete(transaction)
    else this.#setAlarm(transaction)
  }

  // An open transaction is to be looked at when its time is up, one that is being ended when it is time to try again.
  #setAlarm(transaction: Transaction, atLeastMs = 0): void {
    const { transactionalId, startedAt, timeoutMs } = transaction
    this.#alarms.get(transactionalId)?.cancel()
    this.#alarms.delete(transactionalId)
    if (this.#isClosed || !(isOpen(transaction) || isEnding(transaction))) return
    const ms = isOpen(transaction) ? Math.max(startedAt + timeoutMs - Date.now(), atLeastMs) : RETRY_MS
    this.#alarms.set(
      transactionalId,
      this.#timers.after(ms, () => this.#lookAfter(transactionalId)),
    )
  }

  #lookAfter(transactionalId: string): void {
    this.#exclusively(transactionalId, async () => {
      const transaction = this.find(transactionalId)
      if (transaction === undefined || this.#isClosed) return
      if (isOpen(transaction) && Date.now() < transaction.startedAt + transaction.timeoutMs) this.#setAlarm(transaction)
      else await this.#ended(transaction)
    }).catch((error: unknown) => {
      this.#onError(error)
      const transaction = this.find(transactionalId)
      if (transaction) this.#setAlarm(transaction, RETRY_MS)
    })
  }

  async #expireIds(): Promise<void> {
    const since = Date.now() - this.#settings.idExpirationMs
    const isIdle = (transaction: Transaction | undefined) =>
      transaction && transaction.updatedAt < since && !isOpen(transaction) && !isEnding(transaction)
    for (const { transactionalId } of this.list().filter(isIdle))
      await this.#exclusively(transactionalId, async () => {
        if (isIdle(this.find(transactionalId))) await this.#log.expire(transactionalId)
      })
    if (this.#isClosed) return
    this.#expiry = this.#timers.after(EXPIRE_EVERY_MS, () => {
      this.#expireIds().catch(this.#onError)
    })
  }

  #exclusively<T>(transactionalId: string, action: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(transactionalId) ?? Promise.resolve()
    const result = before.then(action)
    const over = result
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#busy.get(transactionalId) === over) this.#busy.delete(transactionalId)
      })
    this.#busy.set(transactionalId, over)
    return result
  }
}
