import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker } from '@headrace/broker'
import { SourceReader } from '@headrace/core/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KafkaPlaces } from '../integration/support/kafka-places.ts'
import { HeadraceProcess, headrace } from '../support/headrace-process.ts'

const PARTITIONS = 4

let folder: string
let broker: Broker
let places: KafkaPlaces
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-group-'))
  // A killed member is missed sooner than after Kafka's 45 seconds.
  broker = await Broker.start({
    dataDir: join(folder, 'broker'),
    config: { 'group.consumer.session.timeout.ms': '6000' },
  })
  places = await KafkaPlaces.open(broker.address)
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await places.close()
  await broker.close()
  await rm(folder, { recursive: true, force: true })
})

async function pipeline(lines: { source: string; sink: string; step?: string }): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'headrace.yaml'),
    `connections:\n  kafka: { kafka: { bootstrap: "${broker.address}" } }\n`,
  )
  await writeFile(
    join(folder, 'copy.yaml'),
    `name: copy
source:
  kafka: { ${lines.source} }
  decode: { json: { columns: { n: integer, tm: timestamp } } }
  watermark: { column: tm, delay: 1 second }
steps:
  - ${lines.step ?? 'filter: n >= 0'}
sinks:
  - ${lines.sink}
trigger: { interval: 10 ms }
`,
  )
}

function run(data: string, ...options: string[]): HeadraceProcess {
  const started = new HeadraceProcess(['run', 'copy.yaml', '--data', data, ...options], { cwd: folder })
  closing.push(async () => {
    started.signal('SIGKILL')
    await started.ended()
  })
  return started
}

/** Numbers from `from` on, spread over the partitions. */
async function write(topic: string, from: number, count: number): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const numbers = Array.from({ length: count }, (_, i) => from + i).filter((n) => n % PARTITIONS === partition)
    const records = numbers.map((n) => ({
      value: Buffer.from(`{"n":${n},"tm":"2026-11-20T10:00:00Z"}`),
      timestamp: Date.UTC(2026, 10, 20, 10),
    }))
    await places.write(topic, partition, records)
  }
}

/** What the pipeline has written, read as it comes. */
async function results(topic: string): Promise<{ until(count: number): Promise<number[]> }> {
  const reader = await new SourceReader(places.source({ topic })).begin()
  closing.push(() => reader.close())
  const numbers = () => reader.of(`${topic}/0`).map(({ value }) => (JSON.parse(value ?? '') as { n: number }).n)
  return {
    async until(count) {
      while (new Set(numbers()).size < count) await reader.until((event) => 'block' in event)
      return numbers().toSorted((a, b) => a - b)
    },
  }
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

describe.each(['classic', 'consumer'])('processes that share the partitions: groupProtocol %s', (protocol) => {
  test('one joins, one is killed, one leaves: nothing is lost, and only a kill may bring something twice', async () => {
    const [topic, out] = [await places.topic(PARTITIONS), await places.topic(1)]
    const settings = `topic: ${topic}, group: g, groupProtocol: ${protocol}, sessionTimeout: 6 seconds`
    await pipeline({ source: settings, sink: `kafka: { topic: ${out} }` })
    const written = await results(out)
    await write(topic, 0, 4000)
    const first = run('one')
    await first.errorLine(/gives this process .*\/0, .*\/3/)
    const second = run('two')
    await second.errorLine(/gives this process \S+, \S+\n/)
    await write(topic, 4000, 4000)
    // A process that joins brings nothing twice: what it takes over was held by the sinks before.
    expect(await written.until(8000)).toEqual(upTo(8000))
    const writing = write(topic, 8000, 4000)
    second.signal('SIGKILL')
    await writing
    await write(topic, 12_000, 400)
    const afterKill = await written.until(12_400)
    const twice = afterKill.filter((n, i) => n === afterKill[i - 1])
    // Its partitions, and only what it had not told the group yet: nothing from before it joined.
    expect(new Set(twice.map((n) => n % PARTITIONS)).size).toBeLessThanOrEqual(PARTITIONS / 2)
    expect(twice.every((n) => n >= 4000)).toBe(true)
    const third = run('three')
    await third.errorLine(/gives this process \S+, \S+\n/)
    const { code } = await first.stop()
    expect(code).toBe(0)
    await write(topic, 12_400, 400)
    expect(await written.until(12_800)).toHaveLength(12_800 + twice.length)
  })
})

describe('--once in a group', () => {
  async function copying(protocol: string): Promise<{ topic: string; written: Awaited<ReturnType<typeof results>> }> {
    const [topic, out] = [await places.topic(PARTITIONS), await places.topic(1)]
    const settings = `topic: ${topic}, group: g, groupProtocol: ${protocol}, sessionTimeout: 6 seconds`
    await pipeline({ source: settings, sink: `kafka: { topic: ${out} }` })
    return { topic, written: await results(out) }
  }

  test.each(['classic', 'consumer'])(
    'processes that begin and end beside each other end, and together have read all: %s',
    async (protocol) => {
      const { topic, written } = await copying(protocol)
      await write(topic, 0, 40_000)
      const first = run('one', '--once')
      await first.errorLine(/gives this process .*\/0, .*\/3/)
      const ended = await Promise.all([first.ended(), run('two', '--once').ended()])
      expect(ended.map(({ code }) => code)).toEqual([0, 0])
      expect(new Set(await written.until(40_000))).toEqual(new Set(upTo(40_000)))
    },
  )

  test('offsets that were moved are gone on from: back, and then on again', async () => {
    const { topic, written } = await copying('consumer')
    await write(topic, 0, 400)
    const once = async () => expect((await run('one', '--once').ended()).code).toBe(0)
    const reset = async (to: string) => {
      const args = ['groups', 'reset', 'g', '--to', to, '--bootstrap', broker.address]
      expect(await headrace(args, { cwd: folder })).toMatchObject({ code: 0 })
    }
    await once()
    expect(await written.until(400)).toHaveLength(400)
    await reset('-50')
    await write(topic, 400, 4)
    await once()
    expect(await written.until(404)).toHaveLength(400 + 4 * 50 + 4)
    await write(topic, 404, 400)
    await reset('latest')
    await write(topic, 804, 4)
    await once()
    const all = await written.until(408)
    expect(all.slice(-5)).toEqual([403, 804, 805, 806, 807])
  })
})

describe('what cannot be shared', () => {
  const validate = async () => (await headrace(['validate', 'copy.yaml'], { cwd: folder })).stdout

  test('windows and exactly-once sinks are refused where `group` stands in the file', async () => {
    const step = `sql: SELECT window_start, window_end, count(*) AS n FROM TUMBLE(TABLE input, DESCRIPTOR(tm), INTERVAL '1' MINUTE) GROUP BY window_start, window_end`
    await pipeline({ source: 'topic: t, group: g', sink: 'kafka: { topic: out }', step })
    expect(await validate()).toMatch(/copy\.yaml:3:29 +SHARED_WINDOWS +one process runs a pipeline with windows/)
    await pipeline({ source: 'topic: t, group: g', sink: 'parquet: { dataset: d }' })
    expect(await validate()).toMatch(/copy\.yaml:3:29 +SHARED_SINK +sink "parquet" \(parquet\)/)
    await pipeline({ source: 'topic: t, group: g', sink: 'kafka: { topic: out, delivery: exactlyOnce }' })
    expect(await validate()).toMatch(/copy\.yaml:3:29 +SHARED_SINK +sink "kafka" \(kafka\)/)
  })
})
