import * as protocol from '@headrace/broker/protocol'
import {
  type Api,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  ProtocolReader,
  readRequestBody,
  readRequestHeader,
} from '@headrace/broker/protocol'
import { describe, expect, test } from 'vitest'
import { readCapturedMessages } from '../../support/captured-messages.ts'

const apis = new Map(
  (Object.values(protocol) as unknown[])
    .filter((value): value is Api => typeof value === 'object' && value !== null && 'requestType' in value)
    .map((api) => [api.name, api]),
)
const exchanges = await readCapturedMessages()

function apiOf(name: string): Api {
  const api = apis.get(name)
  if (api === undefined) throw new Error(`there is no table for ${name}`)
  return api
}

test('there are messages of several clients and most APIs', () => {
  expect(new Set(exchanges.map(({ client }) => client))).toEqual(new Set(['java', 'kafkajs', 'platformatic']))
  expect(new Set(exchanges.map(({ api }) => api)).size).toBeGreaterThan(30)
})

describe.each(exchanges)('$api v$version of $client', ({ api: name, version, request, response }) => {
  const api = apiOf(name)

  test('the request is read, and written again byte for byte', () => {
    const reader = new ProtocolReader(request)
    const header = readRequestHeader(reader)
    const body = readRequestBody(api, version, reader)
    expect(header).toMatchObject({ apiKey: api.key, apiVersion: version })
    expect(Buffer.concat(encodeRequest(api, version, header, body)).subarray(4)).toEqual(request)
  })

  test("Apache Kafka's response is read, and written again byte for byte", () => {
    const { correlationId, body } = decodeResponse(api, version, response)
    expect(Buffer.concat(encodeResponse(api, version, correlationId, body)).subarray(4)).toEqual(response)
  })
})
