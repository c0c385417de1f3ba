import type { RecordHeader } from '@headrace/broker/protocol'
import type { Field } from '@headrace/core'
import type { KafkaSinkConfig } from '../sink-config.ts'
import { findSpans, textBytes } from './row-spans.ts'
import { blobOf } from './values/blob-text.ts'
import type { RowEncoder } from './values/registered-values.ts'

const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const T = 0x74

/** Where the columns that the settings name stand among the rows' columns; −1 for those that are not named. */
interface Places {
  readonly topic: number
  readonly key: number
  readonly partition: number
  readonly timestamp: number
  readonly tombstone: number
  readonly raw: number
  readonly headers: readonly { readonly name: string; readonly place: number }[]
  /** Columns of a JSON value; undefined where that is the whole row. */
  readonly kept: readonly number[] | undefined
}

function placesOf(config: KafkaSinkConfig, schema: readonly Field[]): Places {
  const place = (name: string | undefined) => schema.findIndex((field) => field.name === name)
  const { headers = [], exclude = [], value } = config
  const excluded = new Set(exclude.map(place))
  return {
    topic: place(config.topicColumn),
    key: place(config.key),
    partition: place(config.partition),
    timestamp: place(config.timestamp),
    tombstone: place(config.tombstone),
    raw: typeof value === 'object' ? place(value.raw) : -1,
    headers: headers.map((name) => ({ name, place: place(name) })),
    kept: excluded.size === 0 ? undefined : [...schema.keys()].filter((i) => !excluded.has(i)),
  }
}

/**
 * What becomes of a staged row: after `locate` and `read` it stands in the fields until the next one. The bytes are views into the
 * row or into a buffer of this object's own.
 */
export class SinkRows {
  topic: string | undefined
  key: Uint8Array | null = null
  /** Undefined where the row does not say. */
  partition: number | undefined
  value: Uint8Array | null = null
  /** ms since the epoch; undefined where the row does not say. */
  timestamp: number | undefined
  headers: readonly RecordHeader[] = []
  readonly #places: Places
  readonly #isBlob: boolean
  readonly #isWhole: boolean
  readonly #spans: Uint32Array
  #value = Buffer.allocUnsafe(1024)

  readonly #usualTopic: string
  readonly #encoder: RowEncoder | undefined

  /** The encoder makes the value of a row where that is neither its JSON nor one column. */
  constructor(config: KafkaSinkConfig, schema: readonly Field[], encoder?: RowEncoder) {
    this.#usualTopic = config.topic
    this.#encoder = encoder
    this.#places = placesOf(config, schema)
    this.#isBlob = schema[this.#places.raw]?.type === 'BLOB'
    const { topic, key, partition, timestamp, tombstone, raw, headers, kept } = this.#places
    const isPlain = [topic, key, partition, timestamp, tombstone, raw].every((place) => place < 0)
    this.#isWhole = isPlain && headers.length === 0 && kept === undefined && encoder === undefined
    this.#spans = new Uint32Array(3 * schema.length)
  }

  /** Finds the row's parts, and where it goes: topic and partition. */
  locate(row: Buffer): void {
    if (this.#isWhole) return
    findSpans(row, this.#spans)
    const { topic, partition } = this.#places
    if (topic >= 0) this.topic = this.#text(row, topic)
    if (partition >= 0) this.partition = numberOf(this.#text(row, partition))
  }

  /** All else of a row that was located. Throws ValueRefusedError where it has no form in the format. */
  read(row: Buffer): void {
    this.value = row
    if (this.#isWhole) return
    const { key, timestamp, headers } = this.#places
    if (key >= 0) this.key = this.#bytes(row, key)
    if (timestamp >= 0) this.timestamp = millisecondsOf(this.#text(row, timestamp))
    if (headers.length > 0) {
      this.headers = headers.flatMap(({ name, place }) => {
        const value = this.#bytes(row, place)
        return value === null ? [] : [{ key: name, value }]
      })
    }
    this.value = this.#valueOf(row)
  }

  /** Throws as `read` would, without making the value. */
  check(row: Buffer): void {
    if (this.#encoder?.mayRefuse === true && !this.#isTombstone(row)) this.#encoder.check(row, this.#spans)
  }

  #isTombstone(row: Buffer): boolean {
    const { tombstone } = this.#places
    return tombstone >= 0 && row[this.#spans[3 * tombstone + 1] as number] === T
  }

  #valueOf(row: Buffer): Uint8Array | null {
    const { raw, kept } = this.#places
    if (this.#isTombstone(row)) return null
    if (raw >= 0) return this.#raw(row, raw)
    if (this.#encoder !== undefined) return this.#encoder.encode(row, this.#spans, this.topic ?? this.#usualTopic)
    return kept === undefined ? row : this.#without(row, kept)
  }

  #bytes(row: Buffer, place: number): Buffer | null {
    return textBytes(row, this.#spans[3 * place + 1] as number, this.#spans[3 * place + 2] as number)
  }

  #text(row: Buffer, place: number): string | undefined {
    return this.#bytes(row, place)?.toString()
  }

  #raw(row: Buffer, place: number): Uint8Array | null {
    const bytes = this.#bytes(row, place)
    return bytes !== null && this.#isBlob ? blobOf(bytes.toString()) : bytes
  }

  /** The row's JSON with these columns alone. */
  #without(row: Buffer, kept: readonly number[]): Buffer {
    if (this.#value.length < row.length) this.#value = Buffer.allocUnsafe(2 * row.length)
    let at = 0
    this.#value[at++] = OPEN_BRACE
    for (const place of kept) {
      if (at > 1) this.#value[at++] = COMMA
      at += row.copy(this.#value, at, this.#spans[3 * place], this.#spans[3 * place + 2])
    }
    this.#value[at++] = CLOSE_BRACE
    return this.#value.subarray(0, at)
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

/** DuckDB's text form of a timestamp: `2026-11-20 01:02:03.123456`, with `+00` where it has a zone, which is UTC. */
function millisecondsOf(text: string | undefined): number | undefined {
  const [, day, time] = /^(\S+) (\d\d:\d\d:\d\d(?:\.\d{1,3})?)/.exec(text ?? '') ?? []
  const ms = Date.parse(`${day}T${time}Z`)
  return Number.isNaN(ms) ? undefined : ms
}
