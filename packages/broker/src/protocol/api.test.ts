import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeResponse, encodeRequest, encodeResponse, readRequestBody, readRequestHeader } from './api.ts'
import * as exported from './apis/index.ts'
import { MalformedMessageError } from './errors.ts'
import { apis, integer, messageOf, text, versionsOf } from './fixtures/generated-messages.ts'
import { ProtocolReader } from './protocol-reader.ts'

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

test('tagged fields of a newer client are passed over, in the header and in the body', () => {
  const frame = Buffer.concat(
    encodeRequest(exported.metadata, 12, { correlationId: 1, clientId: 'x' }, { topics: null }),
  ).subarray(4)
  const unknown = Buffer.from([1, 99, 3, 0xaa, 0xbb, 0xcc])
  const headerTagsAt = 2 + 2 + 4 + 2 + 1
  const header = Buffer.concat([frame.subarray(0, headerTagsAt), unknown])
  const body = Buffer.concat([frame.subarray(headerTagsAt + 1, -1), unknown])
  const reader = new ProtocolReader(Buffer.concat([header, body]))
  readRequestHeader(reader)
  expect(readRequestBody(exported.metadata, 12, reader)).toMatchObject({ topics: null, allowAutoTopicCreation: true })
  expect(reader.remaining).toBe(0)
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
