export {
  type Api,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type RequestHeader,
  type RequestOf,
  type ResponseOf,
  readRequestBody,
  readRequestHeader,
} from './api.ts'
export * from './apis/index.ts'
export { compress, decompress, decompressAside, MAX_UNPACKED_BYTES, UnpackedTooLargeError } from './codecs.ts'
export * from './control-batch.ts'
export { ERROR, type ErrorName, KafkaError, MalformedMessageError } from './errors.ts'
export type { Decoded, Encodable } from './field.ts'
export { readInt64, writeInt64 } from './int64.ts'
export { ProtocolReader } from './protocol-reader.ts'
export { ProtocolWriter } from './protocol-writer.ts'
export * from './record-batch.ts'
export * from './record-batch-builder.ts'
export { ZERO_UUID } from './schema.ts'
export * from './varint.ts'
