import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_PLAN, type PlannedRecord, planTrades, Recount } from 'headrace'
import { BrokerProcess } from '../../support/broker-process.ts'
import { RawProducer } from '../../support/raw-producer.ts'

const TOPIC = 'trades'
export const COPIES = 'good-trades'
export const TOTALS = 'totals'

/** One topic in, two out, each exactly once: rows as they come and windows of them. */
export const PIPELINE = `name: topics
source:
  kafka: { topic: ${TOPIC}, start: earliest }
  decode:
    json: { columns: { tid: varchar, uno: { type: varchar, required: true }, tnum: { type: integer, required: true }, tuptime: timestamp } }
  watermark: { column: tuptime, delay: 5 seconds }
steps:
  - name: good
    filter: tnum > 0
  - name: per_minute
    sql: |
      SELECT window_start, uno, count(*) AS orders, sum(tnum) AS items
      FROM TUMBLE(TABLE good, DESCRIPTOR(tuptime), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end, uno
trigger: { interval: 1 ms, maxRecords: 500 }
sinks:
  - name: copies
    from: good
    kafka: { topic: ${COPIES}, key: uno, delivery: exactlyOnce }
  - name: totals
    kafka: { topic: ${TOTALS}, key: uno, delivery: exactlyOnce }
`

/** A broker that can be killed, and a stream that grows life by life, counted by somebody else. */
export class TopicsScene {
  readonly directory: string
  readonly recount = new Recount({ windowMs: 60_000, delayMs: 5000, maxAheadMs: 86_400_000 })
  /** How often each trade that passes the filter was sent, by its id. */
  readonly good = new Map<string, number>()
  readonly #stream: Iterator<PlannedRecord>
  #broker: BrokerProcess

  private constructor(directory: string, broker: BrokerProcess, seed: number) {
    this.directory = directory
    this.#broker = broker
    this.#stream = planTrades({ ...DEFAULT_PLAN, seed, startMs: Date.UTC(2026, 10, 20, 10), stepMs: 60 })
  }

  static async prepare(seed: number): Promise<TopicsScene> {
    const directory = await mkdtemp(join(tmpdir(), 'headrace-topics-'))
    const broker = await BrokerProcess.start(join(directory, 'broker'))
    for (const topic of [COPIES, TOTALS]) (await RawProducer.open(broker.address, topic, 3)).close()
    return new TopicsScene(directory, broker, seed)
  }

  get address(): string {
    return this.#broker.address
  }

  /** Kills the broker, in the middle of whatever it does, and starts it again where clients look for it. */
  async killBroker(): Promise<void> {
    const { port } = this.#broker
    await this.#broker.kill()
    this.#broker = await BrokerProcess.start(join(this.directory, 'broker'), { port })
  }

  async produce(records: number): Promise<void> {
    const producer = await RawProducer.open(this.address, TOPIC, DEFAULT_PLAN.partitions)
    for (let i = 0; i < records; i++) {
      const record = this.#stream.next().value as PlannedRecord
      const value = typeof record.value === 'string' ? Buffer.from(record.value) : record.value
      const { filtered, dead } = this.recount.totals
      this.recount.add(record.partition, value, record.timestampMs)
      const after = this.recount.totals
      // Late trades are no less good: only their windows have closed.
      if (after.filtered === filtered && after.dead === dead) this.#addGood(value)
      await producer.append(record.partition, Buffer.from(record.key), value, record.timestampMs)
    }
    await producer.flush()
    producer.close()
  }

  async close(): Promise<void> {
    await this.#broker.stop()
    await rm(this.directory, { recursive: true, force: true })
  }

  #addGood(value: Uint8Array): void {
    const { tid } = JSON.parse(Buffer.from(value).toString()) as { tid: string }
    this.good.set(tid, (this.good.get(tid) ?? 0) + 1)
  }
}
