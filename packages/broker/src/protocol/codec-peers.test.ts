import * as platformatic from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Api, encodeResponse } from './api.ts'
import { apiVersions } from './apis/index.ts'
import type { Fields } from './field.ts'
import { apis, messageOf, versionsOf } from './fixtures/generated-messages.ts'

type Parse = (correlationId: number, apiKey: number, version: number, reader: platformatic.Reader) => unknown

/** The other implementation's function for one version of an API's response. */
function peerOf(api: Api, version: number): Parse | undefined {
  const name = `${api.name.charAt(0).toLowerCase()}${api.name.slice(1)}V${version}`
  const module = (platformatic as unknown as Readonly<Record<string, { parseResponse?: Parse } | undefined>>)[name]
  return module?.parseResponse
}

/** What it reads; where that holds an error code it throws, with what it has read. */
function readByPeer(parse: Parse, api: Api, version: number, body: Buffer): unknown {
  const reader = platformatic.Reader.from(body)
  try {
    const read = parse(1, api.key, version, reader)
    expect(reader.remaining).toBe(0)
    return read
  } catch (error) {
    if (error instanceof platformatic.ResponseError && 'response' in error) return error.response
    throw error
  }
}

/** The bytes behind a response's header. */
function bodyBytes(api: Api, version: number, frame: Buffer): Buffer {
  const hasTags = version >= api.flexibleFrom && api !== (apiVersions as Api)
  return frame.subarray(8 + (hasTags ? 1 : 0))
}

/** All scalars that a peer has read: names and nesting differ between implementations, what was sent does not. */
function scalars(value: unknown): string[] {
  if (value === null || value === undefined) return []
  if (Buffer.isBuffer(value)) return [value.toString('hex')]
  if (value instanceof Map) return scalars([...value.values()])
  if (Array.isArray(value)) return value.flatMap(scalars)
  if (typeof value === 'object') return Object.values(value).flatMap(scalars)
  return [String(value)]
}

/** The scalars of a body that its version sends, without tagged fields: the peer passes over those. */
function sentScalars(fields: Fields, body: object, version: number): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const isSent = version >= field.from && version <= field.to && field.tag === undefined
    const value = (body as Readonly<Record<string, unknown>>)[name]
    if (!isSent || value === null || field.wire.kind === 'records') return []
    const nested = field.wire.fields
    if (nested === undefined) return scalars(value)
    return [value].flat().flatMap((each) => sentScalars(nested, each as object, version))
  })
}

/** What of `sent` was not read. The peer may have more: its own defaults for what a version lacks. */
function missing(sent: readonly string[], read: readonly string[]): string[] {
  const left = [...read]
  return sent.filter((scalar) => {
    const at = left.indexOf(scalar)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

/** Codes below this are known to the peer; of others it makes an error of its own. */
const FIRST_UNKNOWN_ERROR = 100

/** A message that the peer can take apart: it knows its error codes, and no garbage stands where it decodes records. */
function forPeer<T>(value: T): T {
  if (Array.isArray(value)) return value.map(forPeer) as T
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
  const known = Object.entries(value).map(([name, each]) => {
    if (name === 'records') return [name, Buffer.alloc(0)]
    return [name, /errorCode$/i.test(name) ? Math.abs(each % FIRST_UNKNOWN_ERROR) : forPeer(each)]
  })
  return Object.fromEntries(known) as T
}

const cases = apis.flatMap((api) =>
  versionsOf(api).flatMap((version) => {
    const parse = peerOf(api, version)
    return parse === undefined ? [] : [[api.name, version, api, parse] as const]
  }),
)

test('the peer knows most versions of most APIs', () => {
  expect(cases.length).toBeGreaterThan(100)
})

describe.each(cases)('%s v%i', (_name, version, api, parse) => {
  test('is read by @platformatic/kafka as it was written', () => {
    fc.assert(
      fc.property(messageOf(api.response, version).map(forPeer), (generated) => {
        // The peer reads no further than an error here, which may be answered in version 0.
        const body = api === (apiVersions as Api) ? { ...generated, errorCode: 0 } : generated
        const frame = Buffer.concat(encodeResponse(api, version, 1, body))
        const read = readByPeer(parse, api, version, bodyBytes(api, version, frame))
        expect(missing(sentScalars(api.response, body, version), scalars(read))).toEqual([])
      }),
      { numRuns: 10 },
    )
  })
})
