import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SchemaRegistry } from '@headrace/core'
import { BatchStager, Database, decoderFor, SINK_TEST_ID, SourceReader, TestDecoding } from '@headrace/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apicurio, RegistryProcess } from '../support/apicurio/registry-process.ts'
import { headrace } from '../support/headrace-process.ts'
import { deserializers } from './kafka/clients/python.ts'
import { KafkaPlaces, type SinkSettings } from './support/kafka-places.ts'
import { type KafkaUnderTest, startKafka } from './support/kafka-under-test.ts'

const FORMATS = ['avro', 'protobuf', 'jsonSchema'] as const
type Format = (typeof FORMATS)[number]

const DECODERS = {
  avro: { format: 'avro', columns: [], required: [] },
  protobuf: { format: 'protobuf', columns: [], required: [] },
  jsonSchema: { format: 'json', columns: [], required: [], framing: 'confluent', validate: true },
} as const

// A row with everything and one with nothing.
const ROWS = `SELECT * FROM (VALUES
  (-7::INTEGER, 9007199254740993::BIGINT, 4294967295::UINTEGER, -12.34::DECIMAL(9,2), 0.5::DOUBLE, 1.5::FLOAT, true, 'ä"\\',
   DATE '2021-03-19', TIMESTAMP '2021-03-19 13:15:48.123456', TIMESTAMPTZ '1969-12-31 23:59:59.5+00',
   UUID '7d1cb0e2-6cf0-4f8f-9b1d-3a2c6f5e4d3c', [1, 2]::INTEGER[], {'x': 3::BIGINT, 'y': 'z', 'at': TIMESTAMP '2021-01-01'},
   MAP {'k': 0.1::DOUBLE}, [{'sku': 'a', 'n': 1::SMALLINT}]),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, [], NULL, MAP {}, [])
) AS t(i, l, u, price, d, f, b, "text", "day", "at", zoned, uid, list, part, by_name, items)`

/** The first row as Confluent's deserializers give it; what differs between the formats aside. */
const READ = {
  i: -7,
  d: 0.5,
  f: 1.5,
  b: true,
  text: 'ä"\\',
  list: [1, 2],
  by_name: { k: 0.1 },
  items: [{ sku: 'a', n: 1 }],
}
const UID = '7d1cb0e2-6cf0-4f8f-9b1d-3a2c6f5e4d3c'
const READ_AS = {
  avro: {
    ...READ,
    l: ['int', '9007199254740993'],
    u: 4294967295,
    price: ['Decimal', '-12.34'],
    day: ['date', '2021-03-19'],
    at: ['datetime', '2021-03-19T13:15:48.123456+00:00'],
    zoned: ['datetime', '1969-12-31T23:59:59.500000+00:00'],
    uid: ['UUID', UID],
    part: { x: 3, y: 'z', at: ['datetime', '2021-01-01T00:00:00+00:00'] },
  },
  // As Protobuf's own JSON form has it: 64 bits as text, and nothing for NULL.
  protobuf: {
    ...READ,
    l: '9007199254740993',
    u: 4294967295,
    price: '-12.34',
    day: '2021-03-19',
    at: '2021-03-19T13:15:48.123456Z',
    zoned: '1969-12-31T23:59:59.500Z',
    uid: UID,
    part: { x: '3', y: 'z', at: '2021-01-01T00:00:00Z' },
  },
  jsonSchema: {
    ...READ,
    l: ['int', '9007199254740993'],
    u: 4294967295,
    price: -12.34,
    day: '2021-03-19',
    at: '2021-03-19T13:15:48.123456Z',
    zoned: '1969-12-31T23:59:59.5Z',
    uid: UID,
    part: { x: 3, y: 'z', at: '2021-01-01T00:00:00Z' },
  },
} as const

const signal = new AbortController().signal
const [program, python] = await Promise.all([apicurio(), deserializers()])
const missing = 'missing' in program ? program.missing : python.missing
const name = `Apicurio Registry${missing === undefined ? '' : ` (needs ${missing})`}`

describe.skipIf(missing !== undefined)(name, () => {
  let folder: string
  let kafka: KafkaUnderTest
  let places: KafkaPlaces
  let registry: RegistryProcess
  let database: Database
  let stager: BatchStager
  let decoding: TestDecoding
  let sequence = 0

  beforeAll(async () => {
    if ('missing' in program) throw new Error(program.missing)
    folder = await mkdtemp(join(tmpdir(), 'headrace-registry-'))
    const starting = RegistryProcess.start(program.folder)
    kafka = await startKafka(folder)
    places = await KafkaPlaces.open(kafka.address)
    database = await Database.open(undefined, { threads: 1 })
    stager = new BatchStager(database, folder)
    decoding = await TestDecoding.open()
    registry = await starting
  }, 180_000)
  afterAll(async () => {
    await decoding?.close()
    database?.close()
    await places?.close()
    await registry?.stop()
    await kafka?.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  async function publish(settings: SinkSettings, query: string): Promise<void> {
    const columns = await stager.describe(query)
    const id = { ...SINK_TEST_ID, sequence: ++sequence }
    const batch = await stager.stage(id, { format: 'ndjson' }, columns, [query])
    const sink = places.sink(settings, { registry: registry.url })
    try {
      await sink.connect(signal)
      await sink.publish(batch, signal)
    } finally {
      await sink.close()
    }
  }

  /** The topic's rows as our own source and decoder have them, which must be those of the query. */
  async function expectRead(format: Format, topic: string, query: string): Promise<void> {
    const reader = await new SourceReader(places.source({ topic }), { release: false }).begin()
    await reader.until((event) => 'atEnd' in event)
    const decoder = await decoderFor(DECODERS[format], () => new SchemaRegistry({ url: registry.url }))
    const { table, rejected } = await decoding.decode({ blocks: reader.blocks }, await stager.describe(query), {
      decoder,
    })
    await reader.close()
    expect(rejected).toEqual([])
    expect(table).toEqual(await decoding.connection.rows(query))
  }

  async function ask(path: string, body?: unknown): Promise<unknown> {
    const method = body === undefined ? {} : { method: 'PUT', body: JSON.stringify(body) }
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    return (await fetch(`${registry.url}${path}`, { ...method, headers })).json()
  }

  it('what the sink writes is read by our own source and by Confluent’s deserializers', async () => {
    const topics = new Map<Format, string>()
    for (const format of FORMATS) {
      const topic = await places.topic(1)
      topics.set(format, topic)
      await publish({ topic, value: format, recordName: 'shop.Sale' }, ROWS)
      await expectRead(format, topic, ROWS)
    }
    const pairs = [...topics].map(([format, topic]) => `${topic}=${format}`)
    const output = await python.run([kafka.address, registry.url, ...pairs])
    const lines = output.trim().split('\n')
    const read = new Map(lines.map((line) => JSON.parse(line)).map(({ topic, rows }) => [topic, rows]))
    for (const [format, topic] of topics) {
      const [full, empty] = read.get(topic)
      expect([format, full]).toEqual([format, READ_AS[format]])
      const nothing = Object.values(empty).filter((value) => value !== null && JSON.stringify(value).length > 2)
      expect([format, nothing]).toEqual([format, []])
    }
  })

  it('each topic that rows go to has its schema, under a subject of the rule that is asked for', async () => {
    const [one, other] = [await places.topic(1), await places.topic(1)]
    const query = `SELECT unnest(['${one}', '${other}', '${one}']) AS t, 1 AS n`
    const settings = { topic: one, topicColumn: 't', exclude: ['t'], recordName: 'shop.Place' }
    const namings = {
      topicName: [`${one}-value`, `${other}-value`],
      recordName: ['shop.Place'],
      topicRecordName: [`${one}-shop.Place`, `${other}-shop.Place`],
    }
    for (const [subjectNaming, subjects] of Object.entries(namings)) {
      await publish({ ...settings, value: 'protobuf', subjectNaming }, query)
      for (const subject of subjects) expect(await ask(`/subjects/${subject}/versions`)).toEqual([1])
    }
    await expectRead('protobuf', other, 'SELECT unnest([1, 1, 1]) AS n')
  })

  it('a pipeline writes Protobuf, and another one reads it', async () => {
    const [orders, clean] = [await places.topic(1), await places.topic(1)]
    const connections = {
      kafka: { kafka: { bootstrap: kafka.address } },
      schemaRegistry: { schemaRegistry: { url: registry.url } },
    }
    const order = { id: 1, price: '9.50', at: '2026-11-20T10:00:00Z', tags: ['a', 'b'] }
    await places.write(orders, 0, [
      { value: Buffer.from(JSON.stringify(order)), timestamp: 0 },
      { value: Buffer.from(JSON.stringify({ ...order, id: 2, tags: [null] })), timestamp: 0 },
    ])
    const columns = { id: 'bigint', price: 'decimal(9,2)', at: 'timestamp', tags: 'varchar[]' }
    const pipelines = {
      'headrace.yaml': { connections },
      'clean.yaml': {
        name: 'clean',
        source: { kafka: { topic: orders }, decode: { json: { columns } } },
        sinks: [{ kafka: { topic: clean, key: 'id', value: 'protobuf', recordName: 'shop.Order' } }],
      },
      'read.yaml': {
        name: 'read',
        source: { kafka: { topic: clean }, decode: { protobuf: { columns } } },
        sinks: [{ console: {} }],
      },
    }
    for (const [file, content] of Object.entries(pipelines))
      await writeFile(join(folder, file), JSON.stringify(content))
    const written = await headrace(['run', 'clean.yaml', '--once'], { cwd: folder })
    expect(written.code, written.stderr).toBe(0)
    const read = await headrace(['run', 'read.yaml', '--once'], { cwd: folder })
    expect(read.code, read.stderr).toBe(0)
    expect(read.stdout).toContain('|  1 |  9.50 | 2026-11-20 10:00:00 | ["a","b"] |')
    const letters = await headrace(['dlq', 'show', 'clean'], { cwd: folder })
    expect(letters.stdout).toContain('column tags: a list with NULL in it')
  })

  it.each(FORMATS)('%s: a column more is a new version, and one of another type is refused', async (value) => {
    const topic = await places.topic(1)
    const subject = `${topic}-value`
    await publish({ topic, value }, 'SELECT 1 AS n')
    await ask(`/config/${subject}`, { compatibility: 'BACKWARD' })
    await publish({ topic, value }, `SELECT 2 AS n, 'x' AS more`)
    await publish({ topic, value }, `SELECT 3 AS n, 'y' AS more`)
    expect(await ask(`/subjects/${subject}/versions`)).toEqual([1, 2])
    await expectRead(value, topic, `SELECT * FROM (VALUES (1, NULL), (2, 'x'), (3, 'y')) AS t(n, more)`)
    await expect(publish({ topic, value }, `SELECT true AS n, 'y' AS more`)).rejects.toMatchObject({
      code: 'REGISTRY_SCHEMA_REFUSED',
      message: expect.stringMatching(new RegExp(`under subject "${subject}": .*ncompatib`, 's')),
    })
  })

  it.each(FORMATS)('%s: without autoRegister the schema that is there is taken, and nothing else', async (value) => {
    const topic = await places.topic(1)
    const settings = { topic, value, autoRegister: false }
    const refused = publish(settings, 'SELECT 1 AS n')
    await expect(refused).rejects.toMatchObject({ code: 'REGISTRY_SCHEMA_UNREGISTERED' })
    await publish({ topic, value }, 'SELECT 1 AS n')
    await expect(publish(settings, 'SELECT 1 AS n, 2 AS more')).rejects.toMatchObject({
      code: 'REGISTRY_SCHEMA_UNREGISTERED',
      message: expect.stringContaining(`${topic}-value`),
    })
    await publish(settings, 'SELECT 2 AS n')
    await expectRead(value, topic, 'SELECT unnest([1, 2]) AS n')
  })
})
