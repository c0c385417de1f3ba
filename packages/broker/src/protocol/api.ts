import { MalformedMessageError } from './errors.ts'
import type { Decoded, Encodable, Fields, Shape, WireType } from './field.ts'
import { ProtocolReader } from './protocol-reader.ts'
import { ProtocolWriter } from './protocol-writer.ts'
import { readMessage, structType } from './struct.ts'

export interface ApiTable<Req extends Fields, Res extends Fields> {
  /** The API key. */
  readonly key: number
  readonly name: string
  /** The lowest and the highest version in the tables, both included. */
  readonly versions: readonly [number, number]
  /** The first version in the flexible encoding, of headers too (KIP-482). */
  readonly flexibleFrom: number
  readonly request: Req
  readonly response: Res
}

/** One API of the protocol: its table, and the wire types made from it. */
export interface Api<Req extends Fields = Fields, Res extends Fields = Fields> extends ApiTable<Req, Res> {
  readonly requestType: WireType<Decoded<Req>, Encodable<Req>>
  readonly responseType: WireType<Decoded<Res>, Encodable<Res>>
}

/** A request of this API as its handler gets it. */
export type RequestOf<A> = A extends Api<infer Req, infer _Res> ? Decoded<Req> : never
/** A response of this API as its handler gives it. */
export type ResponseOf<A> = A extends Api<infer _Req, infer Res> ? Encodable<Res> : never

export function defineApi<Req extends Fields, Res extends Fields>(table: ApiTable<Req, Res>): Api<Req, Res> {
  return { ...table, requestType: structType(table.request), responseType: structType(table.response) }
}

const API_VERSIONS_KEY = 18

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  /** Comes back with the response. */
  readonly correlationId: number
  readonly clientId: string | null
}

/** Reads a request's header; the reader then stands on what follows, in flexible versions the header's tagged fields. */
export function readRequestHeader(reader: ProtocolReader): RequestHeader {
  return {
    apiKey: reader.int16(),
    apiVersion: reader.int16(),
    correlationId: reader.int32(),
    // Not compact even in flexible versions, so that any broker can read it.
    clientId: reader.string(false),
  }
}

/**
 * Reads what follows a request's header. Bytes after it are let pass, as Kafka does: librdkafka 2 leaves three of them after a
 * request for the metadata of all topics.
 */
export function readRequestBody<Req extends Fields>(
  api: Api<Req, Fields>,
  version: number,
  reader: ProtocolReader,
): Decoded<Req> {
  const shape = shapeOf(api, version)
  if (shape.flexible) reader.taggedFields(() => {})
  return readMessage(reader, api.requestType, shape)
}

/** A whole response with its size in front, in pieces to be written one after the other. */
export function encodeResponse<Res extends Fields>(
  api: Api<Fields, Res>,
  version: number,
  correlationId: number,
  body: Encodable<Res>,
): Buffer[] {
  const shape = shapeOf(api, version)
  return framed((writer) => {
    writer.int32(correlationId)
    if (hasFlexibleResponseHeader(api, shape)) writer.unsignedVarint(0)
    api.responseType.write(writer, body, shape, false)
  })
}

/** A whole request with its size in front: what a client sends. */
export function encodeRequest<Req extends Fields>(
  api: Api<Req, Fields>,
  version: number,
  header: Pick<RequestHeader, 'correlationId' | 'clientId'>,
  body: Encodable<Req>,
): Buffer[] {
  const shape = shapeOf(api, version)
  return framed((writer) => {
    writer.int16(api.key)
    writer.int16(version)
    writer.int32(header.correlationId)
    writer.string(header.clientId, false)
    if (shape.flexible) writer.unsignedVarint(0)
    api.requestType.write(writer, body, shape, false)
  })
}

/** Reads a response without its size: what a client receives. */
export function decodeResponse<Res extends Fields>(
  api: Api<Fields, Res>,
  version: number,
  message: Buffer,
): { readonly correlationId: number; readonly body: Decoded<Res> } {
  const reader = new ProtocolReader(message)
  const shape = shapeOf(api, version)
  const correlationId = reader.int32()
  if (hasFlexibleResponseHeader(api, shape)) reader.taggedFields(() => {})
  const body = readMessage(reader, api.responseType, shape)
  if (reader.remaining > 0) throw new MalformedMessageError(`${reader.remaining} bytes are left over after the message`)
  return { correlationId, body }
}

function shapeOf(api: Api, version: number): Shape {
  return { version, flexible: version >= api.flexibleFrom }
}

// A client that asks for versions cannot know yet which header the broker would use (KIP-511).
function hasFlexibleResponseHeader(api: Api, shape: Shape): boolean {
  return shape.flexible && api.key !== API_VERSIONS_KEY
}

function framed(write: (writer: ProtocolWriter) => void): Buffer[] {
  const writer = new ProtocolWriter()
  writer.int32(0)
  write(writer)
  const sizeBytes = writer.sizeBytes
  const chunks = writer.finish()
  chunks[0]?.writeInt32BE(sizeBytes - 4, 0)
  return chunks
}
