import { SINK_TEST_ID } from '@headrace/core/testing'
import { ConfigResourceTypes } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { kafkaSinkScene } from './support/kafka-scene.ts'

const LIMIT = 10_000
const signal = new AbortController().signal

const { places, stager } = await kafkaSinkScene()

async function batch(sequence: number, query: string) {
  return stager.stage({ ...SINK_TEST_ID, sequence }, { format: 'ndjson' }, await stager.describe(query), [query])
}

/** Rows of about 350 bytes that do not compress well, and one, if told, that is far above the limit. */
function rows(first: number, count: number, large?: number): string {
  const text = (bytes: number) =>
    `(SELECT string_agg(md5((100 * n + i)::VARCHAR), '') FROM range(${bytes / 32}) AS t(i))`
  const pad = large === undefined ? text(320) : `CASE WHEN n = ${large} THEN ${text(40_000)} ELSE ${text(320)} END`
  return `SELECT n, ${pad} AS pad FROM range(${first}, ${first + count}) AS r(n) ORDER BY n`
}

async function numbersIn(topic: string): Promise<number[]> {
  const records = await places.settled(topic)
  return records.flatMap(({ value }) => (value?.startsWith('{') ? [JSON.parse(value).n as number] : []))
}

async function limit(topic: string): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value: String(LIMIT) }]
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
  await places.admin.alterConfigs({ validateOnly: false, resources })
}

/** Resolves when the topic takes no large record any more; those that it took until then are not counted. */
async function untilLimited(topic: string): Promise<void> {
  const send = () => places.producer.send({ topic, messages: [{ value: `probe ${'x'.repeat(LIMIT)}` }] })
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    const taken = await send().then(
      () => true,
      () => false,
    )
    if (!taken) return
  }
  throw new Error('the topic still takes large records')
}

const numbers = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i)

const large = {
  code: 'SINK_ROWS_REJECTED',
  rows: [{ row: 40, reason: expect.stringMatching(/has \d{5} bytes, more/) }],
}

describe.each(['atLeastOnce', 'exactlyOnce'])('%s', (delivery) => {
  it('a row that is too large is refused before a reader sees anything, batches stay below the limit', async () => {
    const topic = await places.topic(1)
    await limit(topic)
    await untilLimited(topic)
    const sink = places.sink({ topic, delivery })
    await sink.connect(signal)
    await expect(sink.publish(await batch(1, rows(0, 80, 40)), signal)).rejects.toMatchObject(large)
    expect(await numbersIn(topic)).toEqual([])
    await sink.publish(await batch(1, `SELECT * FROM (${rows(0, 80)}) WHERE n <> 40`), signal)
    await sink.publish(await batch(2, rows(80, 20)), signal)
    await sink.close()
    expect(await numbersIn(topic)).toEqual(numbers(0, 100).filter((n) => n !== 40))
  })

  it.each(['none', 'zstd'])(
    '%s: batches that the broker refuses are split, a row that it refuses is found',
    async (compression) => {
      const topic = await places.topic(1)
      const sink = places.sink({ topic, delivery, compression, key: 'n', headers: ['n'] })
      await sink.connect(signal)
      // Behind the sink's back.
      await limit(topic)
      await untilLimited(topic)
      await sink.publish(await batch(1, rows(0, 200)), signal)
      await sink.publish(await batch(2, rows(200, 20)), signal)
      expect(await numbersIn(topic)).toEqual(numbers(0, 220))
      await expect(sink.publish(await batch(3, rows(220, 80, 260)), signal)).rejects.toMatchObject(large)
      await sink.publish(await batch(3, `SELECT * FROM (${rows(220, 80)}) WHERE n <> 260`), signal)
      await sink.publish(await batch(4, rows(300, 10)), signal)
      await sink.close()
      const found = await numbersIn(topic)
      const expected = numbers(0, 310).filter((n) => n !== 260)
      if (delivery === 'exactlyOnce') expect(found).toEqual(expected)
      // What was sent before the broker refused the row comes again with the rest.
      else expect([...new Set(found)].sort((a, b) => a - b)).toEqual(expected)
      const records = await places.settled(topic)
      expect(records.filter(({ value }) => value?.startsWith('{')).every(({ key, headers }) => key === headers.n)).toBe(
        true,
      )
    },
  )
})
