import { crc32c } from '../storage/crc32c.ts'
import type { SegmentState } from './segment-state.ts'

/** In the first byte: files of another format are not read. */
const FORMAT = 1

/** The format, the CRC-32C of all that follows, and the length of the JSON: four bytes each. Behind the JSON come the columns of the index. */
const HEADER_BYTES = 12
const CRC_AT = 4
const JSON_BYTES_AT = 8

const COLUMNS = 3

export function encodeState({ index, ...rest }: SegmentState): Buffer {
  const json = Buffer.from(JSON.stringify(rest))
  const columns = Float64Array.from([...index.offsets, ...index.positions, ...index.timestamps])
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(FORMAT, 0)
  header.writeUInt32LE(json.length, JSON_BYTES_AT)
  const content = Buffer.concat([header, json, Buffer.from(columns.buffer)])
  content.writeUInt32LE(crcOf(content), CRC_AT)
  return content
}

/** Undefined for bytes that are not, or not all of, what `encodeState` gives. */
export function decodeState(content: Buffer): SegmentState | undefined {
  if (content.length < HEADER_BYTES || content.readUInt32LE(0) !== FORMAT) return undefined
  if (content.readUInt32LE(CRC_AT) !== crcOf(content)) return undefined
  const columnsAt = HEADER_BYTES + content.readUInt32LE(JSON_BYTES_AT)
  // Copied, for they have to begin at a multiple of eight.
  const columns = new Float64Array(Uint8Array.prototype.slice.call(content, columnsAt).buffer)
  const entries = columns.length / COLUMNS
  const column = (number: number) => Array.from(columns.subarray(number * entries, (number + 1) * entries))
  const rest = JSON.parse(content.toString('utf8', HEADER_BYTES, columnsAt)) as Omit<SegmentState, 'index'>
  return { ...rest, index: { offsets: column(0), positions: column(1), timestamps: column(2) } }
}

function crcOf(content: Buffer): number {
  return crc32c(content.subarray(JSON_BYTES_AT))
}
