import type { Field } from '@headrace/core'
import { SINK_TEST_ID, TestSchemaRegistry } from '@headrace/core/testing'
import avsc from 'avsc'
import { Partitioners } from 'kafkajs'
import { expect, it } from 'vitest'
import { kafkaSinkScene } from './support/kafka-scene.ts'
import { type PlainRecord, readRaw, readTopic } from './support/read-topic.ts'

const { places, stager } = await kafkaSinkScene()

const signal = new AbortController().signal

/** Publishes the rows as one batch. */
async function publish(settings: { topic: string; [setting: string]: unknown }, query: string, registry?: string) {
  const columns: Field[] = await stager.describe(query)
  const batch = await stager.stage({ ...SINK_TEST_ID, sequence: 1 }, { format: 'ndjson' }, columns, [query])
  const sink = places.sink(settings, registry === undefined ? {} : { registry })
  await sink.connect(signal)
  await sink.publish(batch, signal)
  await sink.close()
}

/** What the settings make of the rows, read back by kafkajs. */
async function written(settings: { topic: string; [setting: string]: unknown }, query: string): Promise<PlainRecord[]> {
  await publish(settings, query)
  return readTopic(places.kafka, settings.topic)
}

it('key, partition, timestamp, headers and tombstones come from columns', async () => {
  const topic = await places.topic(3)
  const query = `SELECT * FROM (VALUES
    ('a', 2, TIMESTAMP '2026-11-20 01:02:03.5', 'h1', false), (NULL, 0, NULL, NULL, NULL), ('c', 1, NULL, '', true)
  ) AS t(k, p, ts, h, gone)`
  const settings = {
    key: 'k',
    partition: 'p',
    timestamp: 'ts',
    headers: ['h'],
    tombstone: 'gone',
    exclude: ['p', 'ts', 'h', 'gone'],
  }
  const before = Date.now()
  const records = await written({ topic, ...settings }, query)
  expect(records.map(({ timestamp, ...rest }) => rest)).toEqual([
    { partition: 0, key: null, value: '{"k":null}', headers: {} },
    { partition: 1, key: 'c', value: null, headers: { h: '' } },
    { partition: 2, key: 'a', value: '{"k":"a"}', headers: { h: 'h1' } },
  ])
  const [now, , given] = records.map(({ timestamp }) => timestamp)
  expect(given).toBe(Date.UTC(2026, 10, 20, 1, 2, 3, 500))
  expect(now).toBeGreaterThanOrEqual(before)
})

it('a key goes to the partition that kafkajs gives it too', async () => {
  const [ours, theirs] = [await places.topic(5), await places.topic(5)]
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`)
  const producer = places.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  await producer.send({ topic: theirs, messages: keys.map((key) => ({ key, value: '' })) })
  await producer.disconnect()
  const query = `SELECT 'key ' || range AS key FROM range(200)`
  const placed = (records: PlainRecord[]) => records.map(({ partition, key }) => `${partition} ${key}`).sort()
  const own = await written({ topic: ours, key: 'key' }, query)
  expect(placed(own)).toEqual(placed(await readTopic(places.kafka, theirs)))
})

it.each(['gzip', 'snappy', 'lz4', 'zstd'])('batches are compressed by %s', async (compression) => {
  const topic = await places.topic(2)
  const records = await written({ topic, compression }, `SELECT range AS n, repeat('x', 100) AS pad FROM range(30000)`)
  expect(records).toHaveLength(30_000)
  expect(new Set(records.map(({ value }) => JSON.parse(value ?? '').n)).size).toBe(30_000)
  expect(new Set(records.map(({ partition }) => partition)).size).toBe(2)
})

it('rows choose their topic; those that name one that is not there are refused before anything is written', async () => {
  const [usual, other] = [await places.topic(1), await places.topic(1)]
  const settings = { topic: usual, topicColumn: 't', partition: 'p', exclude: ['t', 'p'] }
  const rows = (...values: string[]) => `SELECT * FROM (VALUES ${values.join(', ')}) AS v(n, t, p)`
  const refused = written(settings, rows(`(1, 'nowhere', NULL)`, `(2, '${other}', 0)`, `(3, NULL, 1)`))
  await expect(refused).rejects.toMatchObject({
    code: 'SINK_ROWS_REJECTED',
    rows: [
      { row: 0, reason: 'topic "nowhere" does not exist' },
      { row: 2, reason: `topic "${usual}" has no partition 1: it has 1` },
    ],
  })
  await written(settings, rows(`(2, '${other}', 0)`, `(3, NULL, NULL)`))
  expect((await readTopic(places.kafka, usual)).map(({ value }) => value)).toEqual(['{"n":3}'])
  expect((await readTopic(places.kafka, other)).map(({ value }) => value)).toEqual(['{"n":2}'])
})

it('rows go to a partition that their topic got while the sink was connected', async () => {
  const topic = await places.topic(1)
  const query = `SELECT * FROM (VALUES (1, 0), (2, 1)) AS v(n, p)`
  const batch = await stager.stage(
    { ...SINK_TEST_ID, sequence: 1 },
    { format: 'ndjson' },
    await stager.describe(query),
    [query],
  )
  const sink = places.sink({ topic, partition: 'p', exclude: ['p'] })
  await sink.connect(signal)
  const reason = `topic "${topic}" has no partition 1: it has 1`
  await expect(sink.publish(batch, signal)).rejects.toMatchObject({ rows: [{ row: 1, reason }] })
  await places.growTopic(topic, 2)
  await sink.publish(batch, signal)
  await sink.close()
  const found = (await readTopic(places.kafka, topic)).map(({ partition, value }) => [partition, value])
  expect(found.sort()).toEqual([
    [0, '{"n":1}'],
    [1, '{"n":2}'],
  ])
})

it('as Avro, behind the id of the schema that it registers', async () => {
  const registry = await TestSchemaRegistry.start()
  const topic = await places.topic(1)
  const query = `SELECT range AS n, 'name ' || range AS name, 0.05::DECIMAL(9,2) AS price, 'x' AS hidden FROM range(3)`
  const settings = { topic, value: 'avro', key: 'n', exclude: ['hidden'] }
  await publish(settings, query, registry.url)
  const [registered, ...more] = registry.versions(`${topic}-value`)
  expect(more).toEqual([])
  const type = avsc.Type.forSchema(JSON.parse(registered?.schema ?? ''))
  const records = await readRaw(places.kafka, topic)
  expect(records.map(({ key }) => key?.toString())).toEqual(['0', '1', '2'])
  records.forEach(({ value }, n) => {
    expect(value?.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 0, registered?.id ?? 0]))
    expect(type.fromBuffer(value?.subarray(5) as Buffer)).toMatchObject({
      n,
      name: `name ${n}`,
      price: Buffer.from([5]),
    })
  })
  await registry.close()
})

it('asks the registry once for each topic, however many batches there are, and only for rows that can be written', async () => {
  const registry = await TestSchemaRegistry.start()
  const [usual, other] = [await places.topic(1), await places.topic(1)]
  const settings = { topic: usual, topicColumn: 't', exclude: ['t'], value: 'protobuf' }
  const rows = (first: string) => `SELECT * FROM (VALUES ('${other}', [${first}]), (NULL, [2])) AS r(t, l)`
  const columns = await stager.describe(rows('1'))
  const sink = places.sink(settings, { registry: registry.url })
  await sink.connect(signal)
  for (const [i, first] of ['1', 'NULL', '3'].entries()) {
    const id = { ...SINK_TEST_ID, sequence: i + 1 }
    const publishing = sink.publish(await stager.stage(id, { format: 'ndjson' }, columns, [rows(first)]), signal)
    if (first !== 'NULL') await publishing
    else {
      const reason = 'column l: a list with NULL in it cannot be a repeated field'
      await expect(publishing).rejects.toMatchObject({ code: 'SINK_ROWS_REJECTED', rows: [{ row: 0, reason }] })
    }
  }
  await sink.close()
  expect(registry.requests.sort()).toEqual(
    [usual, other].map((topic) => `POST /subjects/${topic}-value/versions`).sort(),
  )
  const values = (await readRaw(places.kafka, other)).map(({ value }) => value?.subarray(5).toString('hex'))
  // The file's first message; field 1, packed, one byte.
  expect(values).toEqual(['000a0101', '000a0103'])
  await registry.close()
})
