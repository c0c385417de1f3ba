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

/** What all runs share: the records in a broker (a second process on the same cores) and in one NDJSON file. */
export interface Scene {
  readonly records: number
  readonly bootstrap: string
  readonly ndjson: string
  /** A folder for outputs, on disk. */
  readonly directory: string
  close(): Promise<void>
}

/** `apache`: the records come from Apache Kafka instead of the embedded broker. */
export async function prepareScene(records: number, apache: boolean): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'headrace-bench-'))
  const memory = await tmpfsFolder(records * 150)
  const ndjson = join(memory ?? directory, 'trades.ndjson')
  const broker = apache ? await ApacheKafkaProcess.start() : await BrokerProcess.start(join(directory, 'broker'))
  const startedAt = performance.now()
  const bytes = await load(records, broker.address, ndjson)
  const seconds = (performance.now() - startedAt) / 1000
  console.error(`${records} records, ${bytes} bytes, in the broker and in ${ndjson} after ${seconds.toFixed(1)} s`)
  if (memory === undefined) console.error('no room on tmpfs: the limit reads its file from disk')
  return {
    records,
    bootstrap: broker.address,
    ndjson,
    directory,
    async close() {
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
      if (memory !== undefined) await rm(memory, { recursive: true, force: true })
    },
  }
}

async function load(records: number, address: string, ndjson: string): Promise<number> {
  const file = createWriteStream(ndjson, { highWaterMark: 8 << 20 })
  const producer = await RawProducer.open(address, TOPIC, PARTITIONS)
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
    const room = producer.append(user % PARTITIONS, keys[user] as Buffer, line.subarray(0, -1), now)
    if (room !== undefined) await room
    if (lines.push(line) === 10_000) await writeLines()
  }
  await writeLines()
  await producer.flush()
  producer.close()
  file.end()
  await once(file, 'finish')
  return bytes
}

async function tmpfsFolder(bytes: number): Promise<string | undefined> {
  const room = await statfs('/dev/shm').catch(() => undefined)
  if (room === undefined || room.bavail * room.bsize < bytes * 2) return undefined
  return mkdtemp('/dev/shm/headrace-bench-')
}
