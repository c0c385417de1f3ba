import { readdir, watch } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createTopics, deleteRecords, ERROR, produce } from '@headrace/broker/protocol'
import { numbersFrom } from '../../../support/seeded-numbers.ts'
import { keyedBatchOf } from '../batches.ts'
import { BrokerProcess } from '../broker-process.ts'
import { type PartitionContent, readPartition } from '../partition-reader.ts'
import { RawClient } from '../raw-client.ts'
import { CompactedModel, type SentRecord } from './compacted-model.ts'
import { RetainedModel } from './retained-model.ts'

const SEGMENT_BYTES = 20_000
const RETENTION_BYTES = 100_000
const HOUR_MS = 3_600_000
const DELETE_RETENTION_MS = 3000
const KEYS = 25

/** Writes of one life that have been answered, to all topics together. */
const LEAST_WRITES = 60

const TOPICS = {
  compacted: {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0.01',
    'delete.retention.ms': String(DELETE_RETENTION_MS),
  },
  sized: { 'retention.bytes': String(RETENTION_BYTES) },
  aged: { 'retention.ms': String(HOUR_MS) },
} as const

type TopicName = keyof typeof TOPICS

const NAMES = Object.keys(TOPICS) as TopicName[]

/** What is known of a topic: what was sent to it is answered with its offset, or not at all. */
interface Model {
  appended(batch: { readonly records: SentRecord[]; readonly sizeBytes: number }, baseOffset: number): void
  unanswered(batch: { readonly records: SentRecord[]; readonly sizeBytes: number }): void
  check(content: PartitionContent, now: number): void
}

export interface CleaningSummary {
  readonly seed: number
  kills: number
  /** Kills that left a compaction half done. */
  halfDone: number
  records: number
  /** Records that compaction took away, and those before the starts of the other logs. */
  compactedAway: number
  deleted: number
  checks: number
}

/**
 * Writes to a broker that compacts and deletes all the time, kills it again and again, and compares after each start what readers see with a
 * model. At the end it waits until all has been cleaned that can be. Throws where something is not as it has to be.
 */
export async function playCleaning(
  dataDir: string,
  options: { readonly seed: number; readonly kills: number },
): Promise<CleaningSummary> {
  const history = new History(dataDir, options.seed)
  try {
    return await history.play(options.kills)
  } finally {
    await history.close()
  }
}

class History {
  readonly #dataDir: string
  readonly #random: () => number
  readonly #compacted = new CompactedModel(DELETE_RETENTION_MS)
  readonly #sized = new RetainedModel({ bytes: RETENTION_BYTES })
  readonly #aged = new RetainedModel({ ms: HOUR_MS })
  readonly #models: Readonly<Record<TopicName, Model>>
  readonly #summary: CleaningSummary
  #broker: BrokerProcess | undefined
  #clients: RawClient[] = []
  #answered = 0
  #compactedFolder = ''
  #sent = 0

  constructor(dataDir: string, seed: number) {
    this.#dataDir = dataDir
    this.#random = numbersFrom(seed)
    const compacted: Model = {
      appended: ({ records }, baseOffset) => this.#compacted.appended(records, baseOffset),
      unanswered: ({ records }) => this.#compacted.unanswered(records),
      check: (content, now) => this.#compacted.check(content, now),
    }
    this.#models = { compacted, sized: this.#sized, aged: this.#aged }
    this.#summary = { seed, kills: 0, halfDone: 0, records: 0, compactedAway: 0, deleted: 0, checks: 0 }
  }

  async play(kills: number): Promise<CleaningSummary> {
    await this.#start()
    await this.#create()
    while (this.#summary.kills < kills) {
      await this.#liveAndDie()
      await this.#start()
      await this.#check()
    }
    await this.#untilClean()
    this.#summary.compactedAway = this.#compacted.goneCount
    this.#summary.deleted = this.#sized.start + this.#aged.start
    return this.#summary
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.#broker?.end('SIGKILL')
  }

  async #start(): Promise<void> {
    const args = ['--config', 'log.cleaner.backoff.ms=5', ...(this.#random() < 0.3 ? ['--fsync', 'always'] : [])]
    const broker = await BrokerProcess.start(this.#dataDir, ...args)
    this.#broker = broker
    for (const client of this.#clients) client.close()
    this.#clients = await Promise.all(NAMES.map(() => RawClient.connect(broker.address)))
  }

  #client(name: TopicName): RawClient {
    const client = this.#clients[NAMES.indexOf(name)]
    if (client === undefined) throw new Error('the broker has not been started')
    return client
  }

  async #create(): Promise<void> {
    const topics = NAMES.map((name) => {
      const settings = { 'segment.bytes': String(SEGMENT_BYTES), ...TOPICS[name] }
      const configs = Object.entries(settings).map(([configName, value]) => ({ name: configName, value }))
      return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }
    })
    const answer = await this.#client('compacted').ask(createTopics, 7, { topics, timeoutMs: 10_000 })
    if (answer.topics.some(({ errorCode }) => errorCode !== ERROR.NONE)) throw new Error(JSON.stringify(answer.topics))
    const id = answer.topics.find(({ name }) => name === 'compacted')?.topicId ?? ''
    this.#compactedFolder = path.join(this.#dataDir, 'logs', id, '0')
  }

  /** Writes to all topics until the broker is gone: killed, or now and then stopped. */
  async #liveAndDie(): Promise<void> {
    const isKill = this.#random() < 0.9
    this.#answered = 0
    const lives = Promise.all(NAMES.map((name) => this.#writeWhileItLives(name)))
    await this.#momentToDie()
    await this.#broker?.end(isKill ? 'SIGKILL' : 'SIGTERM')
    await lives
    this.#summary.kills += isKill ? 1 : 0
    const names = await readdir(this.#compactedFolder)
    if (names.some((name) => name.endsWith('.cleaned') || name === 'swap.json')) this.#summary.halfDone++
  }

  /** Any, or that in which a cleaned segment takes the place of others: it is short, and much can go wrong in it. */
  async #momentToDie(): Promise<void> {
    await setTimeout(40 + this.#random() * 200)
    // A busy machine takes longer until there is something to clean.
    const deadline = performance.now() + 60_000
    while (this.#answered < LEAST_WRITES) {
      if (performance.now() > deadline) throw new Error(`only ${this.#answered} writes have been answered`)
      await setTimeout(5)
    }
    if (this.#random() < 0.5) return
    const signal = AbortSignal.timeout(1000)
    try {
      for await (const { filename } of watch(this.#compactedFolder, { signal })) if (filename === 'swap.json') return
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #writeWhileItLives(name: TopicName): Promise<void> {
    // Whole segments are too old, or none of their records is.
    const ageMs = this.#summary.kills % 3 === 2 ? 0 : 2 * HOUR_MS
    for (;;) {
      if (name === 'sized' && this.#random() < 0.02 && !(await this.#deleteSome())) return
      if (!(await this.#write(name, name === 'aged' ? ageMs : 0))) return
    }
  }

  /** Returns false where the broker was gone before it answered. */
  async #write(name: TopicName, ageMs: number): Promise<boolean> {
    const records = this.#fresh(ageMs)
    const batch = keyedBatchOf(records)
    const model = this.#models[name]
    const sent = { records, sizeBytes: batch.length }
    this.#summary.records += records.length
    const topicData = [{ name, partitionData: [{ index: 0, records: batch }] }]
    const answer = await answerOrGone(() =>
      this.#client(name).ask(produce, 9, { acks: -1, timeoutMs: 10_000, topicData }),
    )
    const partition = answer?.responses[0]?.partitionResponses[0]
    if (partition?.errorCode === ERROR.NONE) {
      model.appended(sent, partition.baseOffset)
      this.#answered++
    } else if (partition === undefined || partition.errorCode === ERROR.NOT_LEADER_OR_FOLLOWER) model.unanswered(sent)
    else throw new Error(`Produce was answered with ${partition.errorCode}`)
    return partition?.errorCode === ERROR.NONE
  }

  /** Up to ten records, each of another key. */
  #fresh(ageMs: number): SentRecord[] {
    const sentAt = Date.now()
    const first = Math.floor(this.#random() * KEYS)
    return Array.from({ length: 1 + Math.floor(this.#random() * 10) }, (_, index) => {
      const number = this.#sent++
      const value = this.#random() < 0.15 ? null : `${number} ${'x'.repeat(Math.floor(this.#random() * 400))}`
      // Further and further ahead of the clock, by little: the same time is never given twice.
      return { key: `key ${(first + index) % KEYS}`, value, timestamp: START_MS - ageMs + number, sentAt }
    })
  }

  async #deleteSome(): Promise<boolean> {
    const { start, end } = this.#sized
    const offset = start + Math.floor(this.#random() * (end - start))
    this.#sized.deleted(offset, false)
    const topics = [{ name: 'sized', partitions: [{ partitionIndex: 0, offset }] }]
    const answer = await answerOrGone(() => this.#client('sized').ask(deleteRecords, 2, { topics, timeoutMs: 10_000 }))
    const errorCode = answer?.topics[0]?.partitions[0]?.errorCode
    if (errorCode === ERROR.NONE) this.#sized.deleted(offset, true)
    return errorCode === ERROR.NONE
  }

  async #check(): Promise<void> {
    this.#summary.checks++
    for (const name of NAMES) await this.#checkTopic(name)
  }

  async #checkTopic(name: TopicName): Promise<PartitionContent> {
    const content = await this.#read(name)
    try {
      this.#models[name].check(content, Date.now())
      return content
    } catch {
      // What is read is no picture of one moment. Something that is wrong still is when it is read again.
      const again = await this.#read(name)
      this.#models[name].check(again, Date.now())
      return again
    }
  }

  #read(name: TopicName): Promise<PartitionContent> {
    const partitionMaxBytes = 2000 + Math.floor(this.#random() * 50_000)
    return readPartition(this.#client(name), name, 0, { committedOnly: false, partitionMaxBytes })
  }

  /** Of full segments nothing is left but the latest of each key, and no more than may be. */
  async #untilClean(): Promise<void> {
    const deadline = performance.now() + 60_000
    for (;;) {
      const { records } = await this.#checkTopic('compacted')
      await this.#checkTopic('sized')
      await this.#checkTopic('aged')
      const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
      const isClean =
        bytes < SEGMENT_BYTES + KEYS * 400 && this.#sized.bytesFrom(this.#sized.start) < RETENTION_BYTES + SEGMENT_BYTES
      if (isClean) return
      if (performance.now() > deadline) throw new Error(`${bytes} bytes are left after compaction`)
      await setTimeout(50)
    }
  }
}

const START_MS = Date.now()

/** Undefined where the connection broke before there was an answer. */
async function answerOrGone<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (String(error).includes('hung up')) return undefined
    throw error
  }
}
