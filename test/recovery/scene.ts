import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_PLAN, type PlannedRecord, planTrades, Recount, startPostgres } from 'headrace'
import { BrokerProcess } from '../support/broker-process.ts'
import { RawProducer } from '../support/raw-producer.ts'

const TOPIC = 'trades'

/** Small epochs, so that a short life has many; otherwise the demo's pipeline. */
export const PIPELINE = `name: recovery
source:
  kafka: { topic: ${TOPIC}, start: earliest }
  decode:
    json: { columns: { tid: varchar, uno: { type: varchar, required: true }, tnum: { type: integer, required: true }, tuptime: timestamp } }
  watermark: { column: tuptime, delay: 5 seconds }
steps:
  - filter: tnum > 0
  - name: per_minute
    sql: |
      SELECT window_start, window_end, uno, count(*) AS orders, sum(tnum) AS items
      FROM TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end, uno
trigger: { interval: 1 ms, maxRecords: 500 }
sinks:
  - parquet: { dataset: trades_per_minute, partitionBy: [hour(window_start)], roll: { every: 150 ms } }
  - postgres: { connection: warehouse, table: trades_per_minute, key: [window_start, uno] }
`

/** Services, a stream that grows life by life, and an independent count of all that was put into it. */
export interface Scene {
  readonly directory: string
  readonly kafka: { readonly bootstrap: string; readonly clientId: string }
  readonly postgres: { readonly url: string }
  readonly recount: Recount
  /** Records rejected for what they are. */
  produce(records: number): Promise<void>
  close(): Promise<void>
}

export async function prepareScene(seed: number): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'headrace-recovery-'))
  const broker = await BrokerProcess.start(join(directory, 'broker'))
  const postgres = await startPostgres({ directory: join(directory, 'postgres'), durable: false })
  const producer = await RawProducer.open(broker.address, TOPIC, DEFAULT_PLAN.partitions)
  const recount = new Recount({ windowMs: 60_000, delayMs: 5000, maxAheadMs: 86_400_000 })
  const stream = planTrades({ ...DEFAULT_PLAN, seed, startMs: Date.UTC(2026, 10, 20, 10), stepMs: 60 })
  return {
    directory,
    kafka: { bootstrap: broker.address, clientId: 'headrace-recovery' },
    postgres: { url: postgres.url },
    recount,
    async produce(records) {
      for (let i = 0; i < records; i++) {
        const record = stream.next().value as PlannedRecord
        const value = typeof record.value === 'string' ? Buffer.from(record.value) : record.value
        recount.add(record.partition, value, record.timestampMs)
        await producer.append(record.partition, Buffer.from(record.key), value, record.timestampMs)
      }
      await producer.flush()
    },
    async close() {
      producer.close()
      await postgres.stop()
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
