import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApacheKafkaProcess } from '../../support/apache-kafka/kafka-process.ts'
import { BrokerProcess } from '../../support/broker-process.ts'
import { RawProducer } from '../../support/raw-producer.ts'
import { generateTrades, userName } from './trades.ts'
import { TOPIC } from './workloads.ts'

const PARTITIONS = 4
const SEED = 20261120

/** Whose broker the records are read from: a second process on the same cores. */
export interface LoadedBroker {
  readonly name: 'embedded' | 'apache'
  readonly bootstrap: string
}

/** What all runs share: the same records in each broker and in one NDJSON file. */
export interface Scene {
  readonly records: number
  readonly brokers: readonly LoadedBroker[]
  readonly ndjson: string
  /** A folder for outputs, on disk. */
  readonly directory: string
  close(): Promise<void>
}

/** `apache`: the records are in Apache Kafka too. */
export async function prepareScene(records: number, apache: boolean): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'headrace-bench-'))
  const memory = await tmpfsFolder(records * 150)
  const ndjson = join(memory ?? directory, 'trades.ndjson')
  const embedded = await BrokerProcess.start(join(directory, 'broker'))
  const real = apache ? await ApacheKafkaProcess.start() : undefined
  const brokers: LoadedBroker[] = [{ name: 'embedded', bootstrap: embedded.address }]
  if (real !== undefined) brokers.push({ name: 'apache', bootstrap: real.address })
  const startedAt = performance.now()
  const bytes = await load(records, brokers, ndjson)
  const seconds = (performance.now() - startedAt) / 1000
  console.error(`${records} records, ${bytes} bytes, in every broker and in ${ndjson} after ${seconds.toFixed(1)} s`)
  if (memory === undefined) console.error('no room on tmpfs: the limit reads its file from disk')
  return {
    records,
    brokers,
    ndjson,
    directory,
    async close() {
      await Promise.all([embedded.stop(), real?.stop()])
      await rm(directory, { recursive: true, force: true })
      if (memory !== undefined) await rm(memory, { recursive: true, force: true })
    },
  }
}

async function load(records: number, brokers: readonly LoadedBroker[], ndjson: string): Promise<number> {
  const file = createWriteStream(ndjson, { highWaterMark: 8 << 20 })
  const producers = await Promise.all(brokers.map(({ bootstrap }) => RawProducer.open(bootstrap, TOPIC, PARTITIONS)))
  const keys = Array.from({ length: 10_000 }, (_, user) => Buffer.from(userName(user)))
  const now = Date.now()
  let bytes = 0
  let lines: Buffer[] = []
  const writeLines = async () => {
    const text = Buffer.concat(lines)
    lines = []
    bytes += text.length
    if (!file.write(text)) await once(file, 'drain')
  }
  for (const { user, json } of generateTrades({ records, seed: SEED })) {
    const line = Buffer.from(`${json}\n`)
    for (const producer of producers) {
      const room = producer.append(user % PARTITIONS, keys[user] as Buffer, line.subarray(0, -1), now)
      if (room !== undefined) await room
    }
    if (lines.push(line) === 10_000) await writeLines()
  }
  await writeLines()
  for (const producer of producers) {
    await producer.flush()
    producer.close()
  }
  file.end()
  await once(file, 'finish')
  return bytes
}

async function tmpfsFolder(bytes: number): Promise<string | undefined> {
  const room = await statfs('/dev/shm').catch(() => undefined)
  if (room === undefined || room.bavail * room.bsize < bytes * 2) return undefined
  return mkdtemp('/dev/shm/headrace-bench-')
}
