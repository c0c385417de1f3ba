import { isUtf8 } from 'node:buffer'

/** What a writer's field holds, in the form that all binary formats are brought to before they become columns. */
export type ValueKind =
  | 'boolean'
  /** number, whole and within 2^53. */
  | 'int'
  /** number where it is safe, else bigint. */
  | 'long'
  /** number. */
  | 'float'
  | 'text'
  | 'bytes'
  /** Days since 1970-01-01. */
  | 'date'
  /** Microseconds since 1970-01-01 in UTC: number where it is safe, else bigint. */
  | 'timestamp'
  /** Microseconds since midnight. */
  | 'time'
  /** What has parts, as JSON text. */
  | 'json'

export type Value = boolean | number | bigint | string | Uint8Array | null

const DAY_MS = 86_400_000

/** A value as the text that DuckDB casts from; undefined for bytes that are no text. */
export function textOf(kind: ValueKind, value: Value): string | undefined {
  switch (kind) {
    case 'bytes': {
      const bytes = value as Uint8Array
      return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString() : undefined
    }
    case 'date':
      return isoOf((value as number) * DAY_MS)?.slice(0, -'T00:00:00.000Z'.length)
    case 'timestamp':
      return timestampText(value as number | bigint)
    case 'time':
      return timeText(value as number)
    default:
      return String(value)
  }
}

/** A value within something that has parts, as JSON has it: numbers that JavaScript would round as text. */
export function plainOf(kind: ValueKind, value: Value): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (kind === 'int' || kind === 'long' || kind === 'float') return Number.isFinite(value) ? value : String(value)
  if (kind === 'json') return JSON.parse(value as string)
  return kind === 'bytes' ? blobText(value as Uint8Array) : textOf(kind, value)
}

function isoOf(ms: number): string | undefined {
  const date = new Date(ms)
  // Before the year 0 and beyond 9999 ISO has a sign and six digits, which DuckDB does not read.
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999
    ? undefined
    : date.toISOString()
}

function timestampText(micros: number | bigint): string | undefined {
  const all = BigInt(micros)
  const rest = ((all % 1000n) + 1000n) % 1000n
  const iso = isoOf(Number((all - rest) / 1000n))
  return iso === undefined ? undefined : `${iso.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}

function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const two = (number: number) => String(number).padStart(2, '0')
  const fraction = String(micros % 1_000_000).padStart(6, '0')
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction}`
}

/** DuckDB's text form of a BLOB. */
function blobText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c && byte !== 0x22 && byte !== 0x27
    text += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

/** Times a power of ten, exactly. */
export function scaled(value: number | bigint, factor: number): number | bigint {
  const product = Number(value) * factor
  return typeof value === 'number' && Number.isSafeInteger(product) ? product : BigInt(value) * BigInt(factor)
}

/** Two's complement, big-endian, with so many decimals: as Avro and Connect write decimals. */
export function decimalText(bytes: Uint8Array, scale: number): string {
  const unsigned = bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0
  const value = isNegative ? unsigned - (1n << BigInt(8 * bytes.length)) : unsigned
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return value < 0n ? `-${text}` : text
}
