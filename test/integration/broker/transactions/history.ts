import { createTopics, offsetFetch } from '@headrace/broker/protocol'
import { numbersFrom } from '../../../support/seeded-numbers.ts'
import { BrokerProcess } from '../broker-process.ts'
import { type PartitionContent, readPartition } from '../partition-reader.ts'
import { RawClient } from '../raw-client.ts'
import { type ModelTransaction, TransactionModel } from './model.ts'
import { Writer } from './writer.ts'

const TOPIC = 'history'
const PARTITIONS = 3
const WRITERS = 3

/** Small, so that transactions and their markers lie in several segments. */
const SEGMENT_BYTES = '2500'

export interface HistorySummary {
  readonly seed: number
  steps: number
  kills: number
  /** Requests that a kill left without an answer. */
  interrupted: number
  records: number
  committed: number
  aborted: number
  /** Ends that nobody heard of: how they were found to have gone. */
  unknownCommitted: number
  unknownAborted: number
  checks: number
}

/** Something to do, which unless it is `once` can be done again as it was. `giveUp` is what its producer does instead. */
interface Attempt {
  readonly run: () => Promise<void>
  readonly once?: boolean
  readonly giveUp: () => Promise<void>
}

/**
 * Plays a random history of transactions against a broker that is killed now and then, and compares after each kill what every kind of reader
 * sees with a model. Throws where they differ.
 */
export async function playHistory(
  dataDir: string,
  { seed, steps }: { readonly seed: number; readonly steps: number },
): Promise<HistorySummary> {
  const history = new History(dataDir, seed)
  try {
    return await history.play(steps)
  } finally {
    await history.close()
  }
}

class History {
  readonly #dataDir: string
  readonly #random: () => number
  readonly #model = new TransactionModel(PARTITIONS)
  readonly #writers: readonly Writer[]
  /** Values whose writing was given up: they may be there or not. */
  readonly #maybe = new Map<string, ModelTransaction | undefined>()
  readonly #summary: HistorySummary
  #broker: BrokerProcess | undefined
  #client: RawClient | undefined
  #values = 0

  constructor(dataDir: string, seed: number) {
    this.#dataDir = dataDir
    this.#random = numbersFrom(seed)
    const ids = Array.from({ length: WRITERS }, (_, index) => `writer ${index}`)
    this.#writers = ids.map((id) => new Writer(id, TOPIC, this.#model))
    const none = { committed: 0, aborted: 0, unknownCommitted: 0, unknownAborted: 0 }
    this.#summary = { seed, steps: 0, kills: 0, interrupted: 0, records: 0, ...none, checks: 0 }
  }

  async play(steps: number): Promise<HistorySummary> {
    await this.#start()
    const configs = [{ name: 'segment.bytes', value: SEGMENT_BYTES }]
    const topics = [{ name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs }]
    await this.#shared.ask(createTopics, 5, { topics, timeoutMs: 10_000, validateOnly: false })
    for (const writer of this.#writers) await writer.init(false)
    for (; this.#summary.steps < steps; this.#summary.steps++) {
      if (this.#random() < 0.12) await this.#restart()
      else await this.#attemptOf(this.#any(this.#writers)).run()
    }
    await this.#restart()
    for (const writer of this.#writers) await writer.end(true)
    await this.#check()
    return this.#counted()
  }

  async close(): Promise<void> {
    for (const writer of this.#writers) writer.close()
    this.#client?.close()
    await this.#broker?.end('SIGKILL')
  }

  get #shared(): RawClient {
    if (this.#client === undefined) throw new Error('the broker has not been started')
    return this.#client
  }

  #any<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T
  }

  #attemptOf(writer: Writer): Attempt {
    const giveUp = () => writer.init(false)
    const dice = this.#random()
    if (dice < 0.46) return this.#write(writer)
    if (dice < 0.5) {
      const partition = Math.floor(this.#random() * PARTITIONS)
      const value = `of a fenced producer ${this.#values++}`
      return { run: () => writer.haunt(partition, value), giveUp }
    }
    if (dice < 0.62) {
      const offset = this.#values++
      return { run: () => writer.commitOffset(offset), giveUp }
    }
    if (dice < 0.7) {
      const resumes = this.#random() < 0.5
      return { run: () => writer.init(resumes), giveUp }
    }
    if (dice < 0.75) return this.#writePlain(writer)
    return this.#end(writer, this.#random() < 0.6)
  }

  #write(writer: Writer): Attempt {
    const partition = Math.floor(this.#random() * PARTITIONS)
    const values = this.#fresh()
    return {
      run: () => writer.write(partition, values),
      giveUp: async () => {
        for (const value of values) this.#maybe.set(value, writer.transaction)
        await writer.init(false)
      },
    }
  }

  #end(writer: Writer, committed: boolean): Attempt {
    const { transaction } = writer
    return {
      run: () => writer.end(committed),
      giveUp: async () => {
        if (transaction && committed) transaction.outcome = 'unknown'
        await writer.init(false)
      },
    }
  }

  #writePlain(writer: Writer): Attempt {
    const partition = Math.floor(this.#random() * PARTITIONS)
    const values = this.#fresh()
    const giveUp = async () => {
      for (const value of values) this.#maybe.set(value, undefined)
    }
    return { run: () => writer.writePlain(partition, values), once: true, giveUp }
  }

  #fresh(): string[] {
    const count = 1 + Math.floor(this.#random() * 4)
    this.#summary.records += count
    return Array.from({ length: count }, () => `value ${this.#values++}`)
  }

  async #start(): Promise<void> {
    const isCareful = this.#random() < 0.6
    this.#broker = await BrokerProcess.start(this.#dataDir, ...(isCareful ? ['--fsync', 'always'] : []))
    this.#client?.close()
    this.#client = await RawClient.connect(this.#broker.address)
    for (const writer of this.#writers) await writer.connect(this.#broker.address)
  }

  /** Ends the broker, mostly by SIGKILL while all writers are at something, and starts it again. */
  async #restart(): Promise<void> {
    const isKill = this.#random() < 0.85
    const attempts = isKill ? this.#writers.map((writer) => this.#attemptOf(writer)) : []
    const afterMs = this.#random() * 14
    const outcomes = Promise.all(attempts.map(async (attempt) => ({ attempt, error: await failureOf(attempt.run) })))
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    await this.#broker?.end(isKill ? 'SIGKILL' : 'SIGTERM')
    const interrupted = (await outcomes).filter(({ error }) => error !== undefined)
    for (const { error } of interrupted) if (!String(error).includes('hung up')) throw error
    this.#summary.kills += isKill ? 1 : 0
    this.#summary.interrupted += interrupted.length
    await this.#start()
    for (const { attempt } of interrupted)
      await (this.#random() < 0.5 && !attempt.once ? attempt.run() : attempt.giveUp())
    await this.#check()
  }

  async #check(): Promise<void> {
    this.#summary.checks++
    const partitionMaxBytes = 200 + Math.floor(this.#random() * 3000)
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const read = (partition: number, committedOnly: boolean) =>
      readPartition(this.#shared, TOPIC, partition, { committedOnly, partitionMaxBytes })
    const everything: PartitionContent[] = []
    const committed: PartitionContent[] = []
    for (const partition of partitions) {
      everything.push(await read(partition, false))
      committed.push(await read(partition, true))
    }
    this.#takeUpMaybes(everything)
    await this.#resolveUnknown(everything)
    for (const partition of partitions) {
      same(`records of partition ${partition}`, valuesOf(everything[partition]), this.#model.written(partition))
      same(`committed in partition ${partition}`, valuesOf(committed[partition]), this.#model.committed(partition))
    }
    for (const { group } of this.#writers)
      same(`the offset of ${group}`, await this.#offsetOf(group), this.#model.committedOffset(group))
  }

  #takeUpMaybes(everything: readonly PartitionContent[]): void {
    for (const [partition, { records }] of everything.entries())
      for (const { offset, value } of records) {
        if (value === null || !this.#maybe.has(value)) continue
        this.#model.append({ partition, offset, value, transaction: this.#maybe.get(value) })
        this.#maybe.delete(value)
      }
    this.#maybe.clear()
  }

  /** An end that nobody heard of went the same way everywhere: by the markers, or by the group's offset where there are none. */
  async #resolveUnknown(everything: readonly PartitionContent[]): Promise<void> {
    for (const transaction of this.#model.transactions.filter(({ outcome }) => outcome === 'unknown')) {
      const ends = this.#model.recordsOf(transaction).map(({ partition, offset }) => {
        const { markers = [] } = everything[partition] ?? {}
        return markers.find((marker) => marker.producerId === transaction.producerId && marker.offset > offset)
          ?.committed
      })
      if (new Set(ends).size > 1) throw new Error(`a transaction ended both ways: ${ends.join(', ')}`)
      const hasCommittedOffset = async () => (await this.#offsetOf(transaction.group)) === transaction.offset
      const committed = ends.length > 0 ? ends[0] : transaction.offset !== undefined && (await hasCommittedOffset())
      if (committed === undefined) throw new Error('a transaction was left without an end')
      this.#summary[committed ? 'unknownCommitted' : 'unknownAborted']++
      this.#model.end(transaction, committed ? 'committed' : 'aborted')
    }
  }

  async #offsetOf(groupId: string): Promise<number | undefined> {
    const topics = [{ name: TOPIC, partitionIndexes: [0] }]
    return (await this.#shared.ask(offsetFetch, 5, { groupId, topics })).topics[0]?.partitions[0]?.committedOffset
  }

  #counted(): HistorySummary {
    for (const { outcome } of this.#model.transactions)
      if (outcome === 'committed' || outcome === 'aborted') this.#summary[outcome]++
    return this.#summary
  }
}

async function failureOf(action: () => Promise<void>): Promise<unknown> {
  try {
    await action()
    return undefined
  } catch (error) {
    return error
  }
}

function valuesOf(content: PartitionContent | undefined): (string | null)[] {
  return (content?.records ?? []).map(({ value }) => value)
}

function same(what: string, actual: unknown, expected: unknown): void {
  const [seen, due] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (seen !== due) throw new Error(`${what}: ${seen} instead of ${due}`)
}
