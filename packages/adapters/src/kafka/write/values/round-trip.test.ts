import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Field } from '@headrace/core'
import { SchemaRegistry, type SinkContext } from '@headrace/core'
import {
  BatchStager,
  Database,
  decoderFor,
  SINK_TEST_ID,
  TestDecoding,
  TestSchemaRegistry,
} from '@headrace/core/testing'
import fc from 'fast-check'
import Value from 'typebox/value'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KafkaSinkConfig, sinkSchema } from '../../sink-config.ts'
import { SinkRows } from '../sink-rows.ts'
import { RegisteredValues } from './registered-values.ts'

const DECODERS = {
  avro: { format: 'avro', columns: [], required: [] },
  protobuf: { format: 'protobuf', columns: [], required: [] },
  jsonSchema: { format: 'json', columns: [], required: [], framing: 'confluent', validate: true },
} as const
type Format = keyof typeof DECODERS

let folder: string
let database: Database
let stager: BatchStager
let registry: TestSchemaRegistry
let decoding: TestDecoding
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-values-'))
  database = await Database.open(undefined, { threads: 1 })
  stager = new BatchStager(database, folder)
  registry = await TestSchemaRegistry.start()
  decoding = await TestDecoding.open()
})
afterAll(async () => {
  database?.close()
  await decoding?.close()
  await registry?.close()
  await rm(folder, { recursive: true, force: true })
})

/** The rows of a query as records' values: staged as the engine does it. */
async function encoded(format: Format, query: string): Promise<{ columns: Field[]; values: Buffer[] }> {
  const columns = await stager.describe(query)
  const batch = await stager.stage({ ...SINK_TEST_ID, sequence: 1 }, { format: 'ndjson' }, columns, [query])
  const config = Value.Default(sinkSchema, { topic: 't', value: format }) as KafkaSinkConfig
  const context = { otherConnection: () => ({ url: registry.url }) } as unknown as SinkContext
  const encoder = await new RegisteredValues(config, context).encoder(columns)
  await encoder?.prepare('t')
  const rows = new SinkRows(config, columns, encoder)
  const staged = await readFile(batch.files[0]?.path as string)
  const values: Buffer[] = []
  for (let start = 0, end = staged.indexOf(10); end >= 0; start = end + 1, end = staged.indexOf(10, start)) {
    rows.locate(staged, start, end)
    rows.check(staged)
    rows.read(staged, start, end)
    values.push(Buffer.from((rows.valueSource as Buffer).subarray(rows.valueStart, rows.valueEnd)))
  }
  return { columns, values }
}

/** What the decoder that a source of this format has makes of them. */
async function decoded(format: Format, { columns, values }: { columns: Field[]; values: Buffer[] }) {
  const open = () => new SchemaRegistry({ url: registry.url })
  const decoder = await decoderFor(DECODERS[format], open)
  const { rejected } = await decoding.decode(values, columns, { decoder })
  return { rows: await texts('FROM _input'), rejected }
}

/** Each row's text, in which no two values look alike. */
async function texts(query: string): Promise<string[]> {
  const rows = await decoding.connection.rows<{ text: string }>(
    `SELECT to_json(r)::VARCHAR AS text FROM (${query}) AS r`,
  )
  return rows.map(({ text }) => text)
}

interface Sample {
  readonly type: string
  /** SQL of a value, without its type. */
  readonly literal: fc.Arbitrary<string>
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
// The libraries that read Avro and Protobuf lose a map's key of this one name.
const strings = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((text) => !text.includes('\0') && text !== '__proto__')
const whole = (least: bigint, most: bigint) =>
  fc.oneof(fc.bigInt({ min: least, max: most }), fc.constantFrom(least, most, 0n, 1n)).map((n) => quoted(String(n)))
const signed = (bits: bigint) => whole(-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n)
const unsigned = (bits: bigint) => whole(0n, 2n ** bits - 1n)
const digits = (precision: number, scale: number) =>
  fc.bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n }).map((n) => {
    const text = String(n < 0n ? -n : n).padStart(scale + 1, '0')
    return quoted(`${n < 0n ? '-' : ''}${text.slice(0, text.length - scale)}.${text.slice(text.length - scale)}`)
  })
const moments = (unit: number, from: string, to: string) =>
  fc
    .date({ min: new Date(from), max: new Date(to), noInvalidDate: true })
    .chain((date) => fc.integer({ min: 0, max: 999 }).map((micros) => ({ date, micros })))
    .map(({ date, micros }) => {
      const ms = Math.floor(date.getTime() / unit) * unit
      return quoted(`${new Date(ms).toISOString().slice(0, -1)}${unit === 1 ? String(micros).padStart(3, '0') : ''}+00`)
    })
const ALWAYS = ['0001-01-02T00:00:00Z', '9999-12-30T00:00:00Z'] as const

const SCALARS: readonly Sample[] = [
  { type: 'TINYINT', literal: signed(8n) },
  { type: 'SMALLINT', literal: signed(16n) },
  { type: 'INTEGER', literal: signed(32n) },
  { type: 'BIGINT', literal: signed(64n) },
  { type: 'HUGEINT', literal: signed(128n) },
  { type: 'UTINYINT', literal: unsigned(8n) },
  { type: 'UINTEGER', literal: unsigned(32n) },
  { type: 'UBIGINT', literal: unsigned(64n) },
  { type: 'FLOAT', literal: fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => quoted(String(n))) },
  { type: 'DOUBLE', literal: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => quoted(String(n))) },
  { type: 'DECIMAL(9,2)', literal: digits(9, 2) },
  { type: 'DECIMAL(38,20)', literal: digits(38, 20) },
  { type: 'DECIMAL(18,0)', literal: digits(18, 0) },
  { type: 'BOOLEAN', literal: fc.boolean().map(String) },
  { type: 'VARCHAR', literal: strings.map(quoted) },
  { type: "ENUM('a b', 'ü')", literal: fc.constantFrom("'a b'", "'ü'") },
  { type: 'UUID', literal: fc.uuid().map(quoted) },
  { type: 'DATE', literal: moments(1000, ...ALWAYS).map((text) => `${text.slice(0, 11)}'`) },
  { type: 'TIME', literal: moments(1, ...ALWAYS).map((text) => `'${text.slice(12, 27)}'`) },
  { type: 'INTERVAL', literal: fc.constantFrom("'1 year 2 days 00:00:03'", "'00:00:00.5'") },
  { type: 'TIMESTAMP', literal: moments(1, ...ALWAYS) },
  { type: 'TIMESTAMP WITH TIME ZONE', literal: moments(1, ...ALWAYS) },
  { type: 'TIMESTAMP_S', literal: moments(1000, ...ALWAYS) },
  { type: 'TIMESTAMP_NS', literal: moments(1, '1700-01-01T00:00:00Z', '2200-01-01T00:00:00Z') },
  {
    type: 'BLOB',
    literal: fc.uint8Array({ maxLength: 6 }).map((bytes) => `unhex('${Buffer.from(bytes).toString('hex')}')`),
  },
]
/** Within others the decoders cannot know it from text. */
const JSON_TEXT: Sample = {
  type: 'JSON',
  literal: fc.constantFrom(`'{"a":[1,null,"x"]}'`, `'[]'`, `'"text"'`, "'1.5'"),
}

/** NULL now and then, where the format has it in such a place. */
const orNull = ({ type, literal }: Sample, isThere: boolean): fc.Arbitrary<string> =>
  isThere
    ? literal.map((text) => `${text}::${type}`)
    : fc.option(
        literal.map((text) => `${text}::${type}`),
        { nil: `NULL::${type}` },
      )

function struct(parts: readonly Sample[]): Sample {
  const names = parts.map((_, i) => `f_${i}`)
  return {
    type: `STRUCT(${parts.map(({ type }, i) => `${names[i]} ${type}`).join(', ')})`,
    literal: fc
      .tuple(...parts.map((part) => orNull(part, /^MAP|\]$/.test(part.type))))
      .map((values) => `{${values.map((value, i) => `${names[i]}: ${value}`).join(', ')}}`),
  }
}

const list = (element: Sample, isStrict: boolean): Sample => ({
  type: `${element.type}[]`,
  literal: fc.array(orNull(element, isStrict), { maxLength: 3 }).map((values) => `[${values.join(', ')}]`),
})

const map = (value: Sample, isStrict: boolean): Sample => ({
  type: `MAP(VARCHAR, ${value.type})`,
  literal: fc
    .uniqueArray(strings, { maxLength: 3 })
    .chain((keys) =>
      fc.tuple(
        fc.constant(keys),
        fc.array(orNull(value, isStrict), { minLength: keys.length, maxLength: keys.length }),
      ),
    )
    .map(
      ([keys, values]) => `MAP([${keys.map(quoted).join(', ')}]::VARCHAR[], [${values.join(', ')}]::${value.type}[])`,
    ),
})

/** Types as far as the format has them: Protobuf's lists and maps hold single values that are there. */
function types(format: Format): fc.Arbitrary<Sample> {
  const isStrict = format === 'protobuf'
  // DuckDB reads a decimal within JSON by way of a double, and bytes as the text's own.
  const known = SCALARS.filter(({ type }) => format !== 'jsonSchema' || !['DECIMAL(38,20)', 'BLOB'].includes(type))
  const scalar = fc.constantFrom(...known)
  const single = fc.oneof(
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(scalar, { minLength: 1, maxLength: 4 }).map(struct) },
  )
  const held = (inner: fc.Arbitrary<Sample>) =>
    fc.oneof(
      { weight: 2, arbitrary: inner },
      { weight: 1, arbitrary: inner.map((type) => list(type, isStrict)) },
      { weight: 1, arbitrary: inner.map((type) => map(type, isStrict)) },
    )
  const deep = fc.oneof({ weight: 9, arbitrary: held(single) }, { weight: 1, arbitrary: fc.constant(JSON_TEXT) })
  const nested = held(single)
  const structs = fc.array(nested, { minLength: 1, maxLength: 3 }).map(struct)
  return isStrict
    ? fc.oneof(
        deep,
        structs,
        structs.map((type) => list(type, true)),
      )
    : fc.oneof(deep, held(fc.oneof(nested, structs)))
}

const queries = (format: Format): fc.Arbitrary<string> =>
  fc.array(types(format), { minLength: 1, maxLength: 8 }).chain((columns) =>
    fc
      .array(fc.tuple(...columns.map((type) => orNull(type, format === 'protobuf' && /^MAP|\]$/.test(type.type)))), {
        minLength: 1,
        maxLength: 4,
      })
      .map((rows) =>
        rows.map((row) => `SELECT ${row.map((value, i) => `${value} AS c${i}`).join(', ')}`).join(' UNION ALL '),
      ),
  )

describe.each(['avro', 'protobuf', 'jsonSchema'] as const)('%s', (format) => {
  it('what is written is what is read again, whatever the types', async () => {
    await fc.assert(
      fc.asyncProperty(queries(format), async (query) => {
        const found = await decoded(format, await encoded(format, query))
        expect(found).toEqual({ rows: await texts(query), rejected: [] })
      }),
      { numRuns: 40 },
    )
  })

  it.each([
    `SELECT 'infinity'::TIMESTAMP AS at`,
    `SELECT [TIMESTAMP '12026-01-01 00:00:00'] AS at`,
    `SELECT {t: '0044-03-15 (BC)'::TIMESTAMPTZ} AS at`,
  ])('a time beyond the years of the format is refused: %s', async (query) => {
    await expect(encoded(format, query)).rejects.toThrow(/^column at: .* is outside the years 1 to 9999$/)
  })
})

it('floats that are no numbers stay themselves, but JSON has none', async () => {
  const query = `SELECT 'nan'::DOUBLE AS a, '-inf'::FLOAT AS b, 'inf'::DOUBLE AS c, -0.0::DOUBLE AS d`
  for (const format of ['avro', 'protobuf'] as const) {
    const { rows } = await decoded(format, await encoded(format, query))
    expect(rows).toEqual(await texts(query))
  }
  await expect(encoded('jsonSchema', query)).rejects.toThrow('column a: NaN is no number in JSON')
})

it('lists and maps in Protobuf: NULL is an empty one, and NULL within is refused', async () => {
  const query = `SELECT NULL::INTEGER[] AS l, NULL::MAP(VARCHAR, INTEGER) AS m`
  const { rows } = await decoded('protobuf', await encoded('protobuf', query))
  expect(rows).toEqual(['{"l":[],"m":{}}'])
  await expect(encoded('protobuf', 'SELECT [1, NULL] AS l')).rejects.toThrow('column l: a list with NULL in it')
  await expect(encoded('protobuf', `SELECT MAP {'a': NULL::INTEGER} AS m`)).rejects.toThrow('column m: a map with NULL')
})

it('rows of which the format has no form are refused one by one', async () => {
  await expect(encoded('protobuf', 'SELECT [[1]] AS l')).rejects.toThrow('the column "l" is a list within a list')
})

it('bytes in JSON are base64, which the schema says', async () => {
  const { values } = await encoded('jsonSchema', `SELECT unhex('0061FF') AS b, [unhex('01')] AS l`)
  expect(values[0]?.subarray(5).toString()).toBe('{"b":"AGH/","l":["AQ=="]}')
})
