import path from 'node:path'
import {
  type DeadLetterSummary,
  openDeadLetters,
  openLake,
  type PipelineConfig,
  type PipelineStatus,
  pipelineDirectory,
  type StoredDeadLetter,
} from '@headrace/core'
import { Client } from 'pg'
import type { DevServices } from '../services/index.ts'
import { DEMO_TOPIC } from './pipeline.ts'
import { BUSIEST_CUSTOMERS, lakeStore, postgresStore, type ResultStore, type Shown } from './read-sinks.ts'
import { readTopic } from './read-topic.ts'
import { Recount, type TradesPerMinute } from './recount.ts'
import { judge, type Verdict } from './verdict.ts'

/** Length of the windows in the demo's pipeline. */
const WINDOW_MS = 60_000

/** Both places where the rows have landed, while they are open. */
export interface Stores {
  readonly stores: readonly ResultStore[]
  close(): Promise<void>
}

export async function openStores(folder: string, services: DevServices): Promise<Stores> {
  const lake = openLake(path.resolve(folder, 'lake'))
  const client = new Client({ connectionString: services.postgres?.url })
  await client.connect()
  return {
    stores: [lakeStore(lake), postgresStore(client)],
    async close() {
      await client.end()
    },
  }
}

/** The same query in each store. */
export async function showBusiest(stores: readonly ResultStore[]): Promise<{ name: string; shown: Shown }[]> {
  return await Promise.all(
    stores.map(async (store) => ({ name: store.name, shown: await store.show(BUSIEST_CUSTOMERS) })),
  )
}

/** Reads the topic again with kafkajs and counts by hand. */
export async function recountTopic(bootstrap: string, { source }: PipelineConfig): Promise<Recount> {
  const { delayMs = 0, maxAheadMs = Number.POSITIVE_INFINITY } = source.watermark ?? {}
  const recount = new Recount({ windowMs: WINDOW_MS, delayMs, maxAheadMs })
  await readTopic([bootstrap], DEMO_TOPIC, ({ partition, value, timestampMs }) =>
    recount.add(partition, value, timestampMs),
  )
  return recount
}

export async function judgeStores(
  stores: readonly ResultStore[],
  status: PipelineStatus,
  recount: Recount,
): Promise<Verdict> {
  const found: Record<string, TradesPerMinute[]> = {}
  for (const store of stores) found[store.name] = await store.allRows()
  return judge(status, recount, found)
}

export interface DeadLetterReport {
  readonly reasons: readonly DeadLetterSummary[]
  /** One of each reason; those that were no orders at all come first. */
  readonly examples: readonly StoredDeadLetter[]
}

export async function reportDeadLetters(folder: string, pipeline: string): Promise<DeadLetterReport> {
  const letters = openDeadLetters(await pipelineDirectory(folder, pipeline))
  const reasons = await letters.summary()
  const examples = await Promise.all(reasons.map(({ code }) => letters.list({ limit: 1, code })))
  return {
    reasons,
    examples: examples.flat().sort((a, b) => Number(b.step === 'decode') - Number(a.step === 'decode')),
  }
}
