import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Api, decodeResponse, encodeRequest, encodeResponse, readRequestBody, readRequestHeader } from './api.ts'
import * as exported from './apis/index.ts'
import { MalformedMessageError } from './errors.ts'
import type { Field, Fields } from './field.ts'
import { ProtocolReader } from './protocol-reader.ts'

const apis = Object.values(exported).filter(
  (value): value is (typeof exported)['produce'] & Api => typeof value === 'object' && 'requestType' in value,
) as Api[]

const integer = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => value.isWellFormed())
const buffer = fc.uint8Array({ maxLength: 200 }).map((data) => Buffer.from(data))
const scalars: Record<string, fc.Arbitrary<unknown>> = {
  bool: fc.boolean(),
  int8: integer(8),
  int16: integer(16),
  int32: integer(32),
  int64: fc.maxSafeInteger(),
  uuid: fc.uuid(),
  string: text,
  bytes: buffer,
  records: buffer,
}

function anyOf(kind: string, fields: Fields | undefined, version: number): fc.Arbitrary<unknown> {
  if (kind.startsWith('[]')) return fc.array(anyOf(kind.slice(2), fields, version), { maxLength: 3 })
  if (kind === 'struct') return messageOf(fields ?? {}, version)
  return scalars[kind] ?? fc.constant(undefined)
}

function fieldValue(field: Field<unknown>, version: number): fc.Arbitrary<unknown> {
  if (version < field.from || version > field.to) return fc.constant(field.default)
  const value = anyOf(field.wire.kind, field.wire.fields, version)
  const mayBeNull = version >= field.nullableFrom || (field.tag !== undefined && field.default === null)
  return mayBeNull ? fc.option(value, { nil: null }) : value
}

function messageOf(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(Object.entries(fields).map(([name, f]) => [name, fieldValue(f, version)])))
}

const versionsOf = (api: Api) =>
  Array.from({ length: api.versions[1] - api.versions[0] + 1 }, (_, index) => api.versions[0] + index)

const cases = apis.flatMap((api) => versionsOf(api).map((version) => [api.name, version, api] as const))

test('the tables are there to be tested', () => {
  expect(apis.length).toBeGreaterThanOrEqual(24)
  expect(new Set(apis.map((api) => api.key)).size).toBe(apis.length)
})

describe.each(cases)('%s v%i', (_name, version, api) => {
  test('a request reads as it was written', () => {
    fc.assert(
      fc.property(messageOf(api.request, version), integer(32), fc.option(text), (body, correlationId, clientId) => {
        const frame = Buffer.concat(encodeRequest(api, version, { correlationId, clientId }, body))
        expect(frame.readInt32BE(0)).toBe(frame.length - 4)
        const reader = new ProtocolReader(frame, 4)
        expect(readRequestHeader(reader)).toEqual({ apiKey: api.key, apiVersion: version, correlationId, clientId })
        expect(readRequestBody(api, version, reader)).toEqual(body)
      }),
      { numRuns: 15 },
    )
  })

  test('a response reads as it was written', () => {
    fc.assert(
      fc.property(messageOf(api.response, version), integer(32), (body, correlationId) => {
        const frame = Buffer.concat(encodeResponse(api, version, correlationId, body))
        expect(frame.readInt32BE(0)).toBe(frame.length - 4)
        expect(decodeResponse(api, version, frame.subarray(4))).toEqual({ correlationId, body })
      }),
      { numRuns: 15 },
    )
  })

  test('a request that is cut off is refused', () => {
    fc.assert(
      fc.property(messageOf(api.request, version), fc.nat(), (body, cut) => {
        const frame = Buffer.concat(encodeRequest(api, version, { correlationId: 1, clientId: 'x' }, body)).subarray(4)
        const short = frame.subarray(0, cut % frame.length)
        expect(() => {
          const reader = new ProtocolReader(short)
          readRequestHeader(reader)
          readRequestBody(api, version, reader)
        }).toThrow(MalformedMessageError)
      }),
      { numRuns: 15 },
    )
  })
})

test('an array that claims more elements than there are bytes is refused before memory is taken for it', () => {
  const frame = Buffer.concat(
    encodeRequest(exported.metadata, 4, { correlationId: 1, clientId: null }, { topics: [] }),
  ).subarray(4)
  frame.writeInt32BE(0x7fff_ffff, 10)
  const reader = new ProtocolReader(frame)
  readRequestHeader(reader)
  expect(() => readRequestBody(exported.metadata, 4, reader)).toThrow('an array claims 2147483647 elements')
})

test('what librdkafka 2.16 leaves after a request for the metadata of all topics is let pass', () => {
  const captured = '0003000c00000003000772646b61666b610000000000010000'
  const reader = new ProtocolReader(Buffer.from(captured, 'hex'))
  expect(readRequestHeader(reader)).toMatchObject({ apiKey: 3, apiVersion: 12, clientId: 'rdkafka' })
  expect(readRequestBody(exported.metadata, 12, reader)).toMatchObject({ topics: null })
})
