import { isUtf8 } from 'node:buffer'
import { byteLength, type EpochRecords, type RecordBlock, valueAt } from '../model/index.ts'
import type { RejectedRecord } from './decoder.ts'
import {
  RecordEmptyError,
  RecordMalformedError,
  RecordNotObjectError,
  RecordNotUtf8Error,
  RecordTooDeepError,
  RecordTooLargeError,
} from './errors.ts'
import { describeMalformed, reject } from './reasons.ts'

/** DuckDB's own default for one JSON value. Its reader keeps buffers of twice the largest value per thread. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024

/** DuckDB walks nested values by recursion and overflows the stack of its threads at some ten thousand levels. */
const MAX_DEPTH = 1000

/** Shorter values cannot be nested too deep: each level takes two bytes. */
const SURELY_FLAT = 2 * MAX_DEPTH

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const REPLACEMENT = '\ufffd'

/** What an epoch's bytes show before any parsing. */
export interface Screening {
  /** Ascending by record. */
  readonly rejected: readonly RejectedRecord[]
  /** Bytes of the longest record kept. */
  readonly longest: number
}

/**
 * Looks at the first and last byte of every record. What is kept begins with `{` and ends with `}` (JSON whitespace
 * aside), so that each makes at least one line with something on it: when the reader finds as many rows as there are
 * records kept, each row is the record at its place.
 */
export function screen(records: EpochRecords): Screening {
  const rejected: RejectedRecord[] = []
  let longest = 0
  records.blocks.forEach((block, b) => {
    longest = Math.max(longest, screenBlock(block, records.starts[b] as number, rejected))
  })
  return { rejected, longest }
}

function screenBlock(block: RecordBlock, first: number, rejected: RejectedRecord[]): number {
  const { data, ends } = block.values
  let start = 0
  let longest = 0
  for (let i = 0; i < block.count; i++) {
    const end = ends[i] as number
    const length = end - start
    if (data[start] !== OPEN_BRACE || data[end - 1] !== CLOSE_BRACE || length >= SURELY_FLAT) {
      const rejection = examine(first + i, valueAt(block.values, i))
      if (rejection !== undefined) rejected.push(rejection)
      else if (length > longest) longest = length
    } else if (length > longest) longest = length
    start = end + 1
  }
  return longest
}

/** The slow look at one record; undefined when it may be a JSON object. */
function examine(record: number, value: Uint8Array | null): RejectedRecord | undefined {
  if (value === null) return reject(RecordEmptyError, record, 'the record has no value (a tombstone)')
  const text = trim(value)
  if (text.length === 0) return reject(RecordEmptyError, record, 'the value is empty')
  if (value.length > MAX_VALUE_BYTES) {
    return reject(RecordTooLargeError, record, `the value has ${value.length} bytes; ${MAX_VALUE_BYTES} are the most`)
  }
  if (text[0] === OPEN_BRACE && text.at(-1) === CLOSE_BRACE) {
    if (text.length < SURELY_FLAT || !isTooDeep(text)) return undefined
    return reject(RecordTooDeepError, record, `objects and arrays are nested more than ${MAX_DEPTH} deep`)
  }
  if (!isUtf8(value)) return reject(RecordNotUtf8Error, record, notUtf8(value))
  const kind = kindOf(text)
  if (kind === undefined) return reject(RecordMalformedError, record, describeMalformed(value))
  return reject(RecordNotObjectError, record, `the value is ${kind}, not an object`)
}

/** Those of the records that are not UTF-8, ascending: DuckDB's strings must be. */
export function findNotUtf8(records: EpochRecords, which: Uint32Array): RejectedRecord[] {
  // A newline is never part of a longer character, so a block as a whole is UTF-8 if each value is.
  const suspects = new Set(
    records.blocks.filter(({ values, count }) => !isUtf8(values.data.subarray(0, byteLength(values, count)))),
  )
  const found: RejectedRecord[] = []
  if (suspects.size === 0) return found
  for (const record of which) {
    const { block, index } = records.locate(record)
    const value = suspects.has(block) ? valueAt(block.values, index) : null
    if (value !== null && !isUtf8(value)) found.push(reject(RecordNotUtf8Error, record, notUtf8(value)))
  }
  return found
}

function notUtf8(value: Uint8Array): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  const text = bytes.toString()
  // What cannot be decoded becomes U+FFFD; a U+FFFD that was sent is three bytes of its own.
  let at = text.indexOf(REPLACEMENT)
  let position = Buffer.byteLength(text.slice(0, at))
  while (at >= 0 && bytes.toString('utf8', position, position + 3) === REPLACEMENT && bytes[position] === 0xef) {
    const next = text.indexOf(REPLACEMENT, at + 1)
    position += Buffer.byteLength(text.slice(at, next))
    at = next
  }
  return `not UTF-8: byte 0x${(bytes[position] ?? 0).toString(16).toUpperCase().padStart(2, '0')} at position ${position}`
}

function kindOf(text: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.length).toString())
    if (value === null) return 'null'
    if (Array.isArray(value)) return 'an array'
    return `a ${typeof value}`
  } catch {
    // Not JSON: the caller says so.
    return undefined
  }
}

function trim(value: Uint8Array): Uint8Array {
  let start = 0
  let end = value.length
  while (start < end && isWhitespace(value[start] as number)) start++
  while (end > start && isWhitespace(value[end - 1] as number)) end--
  return value.subarray(start, end)
}

function isWhitespace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isTooDeep(text: Uint8Array): boolean {
  return countOpening(text) > MAX_DEPTH && depthOver(text, MAX_DEPTH)
}

/** Braces and brackets that open, those within strings too: they differ by one bit. */
function countOpening(text: Uint8Array): number {
  let count = 0
  for (let i = 0; i < text.length; i++) if (((text[i] as number) | 0x20) === OPEN_BRACE) count++
  return count
}

function depthOver(text: Uint8Array, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const byte = text[i]
    if (inString) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > limit) return true
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
  }
  return false
}
