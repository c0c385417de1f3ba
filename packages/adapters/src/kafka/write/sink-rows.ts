import type { RecordHeader, RecordParts } from '@headrace/broker/protocol'
import type { Field } from '@headrace/core'
import type { KafkaSinkConfig } from '../sink-config.ts'
import { findSpans, isPlainString, textBytes } from './row-spans.ts'
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

/** How many of the columns, from the first on, have to be found in a row. */
function columnsNeeded({ topic, key, partition, timestamp, tombstone, raw, headers, kept = [] }: Places): number {
  const places = [topic, key, partition, timestamp, tombstone, raw, ...headers.map(({ place }) => place), ...kept]
  return 1 + Math.max(...places)
}

/**
 * What becomes of a staged row: after `locate` and `read` it stands in the fields until the next one. Key and value are parts of
 * the block that the row is in, or of another buffer that lives as long.
 */
export class SinkRows implements RecordParts {
  topic: string | undefined
  /** Undefined where the row does not say. */
  partition: number | undefined
  /** ms since the epoch; undefined where the row does not say. */
  timestamp: number | undefined
  keySource: Buffer | null = null
  keyStart = 0
  keyEnd = 0
  valueSource: Buffer | null = null
  valueStart = 0
  valueEnd = 0
  headers: readonly RecordHeader[] = []
  readonly #places: Places
  readonly #columns: number
  readonly #isBlob: boolean
  readonly #spans: Uint32Array
  #value = Buffer.allocUnsafe(1024)

  readonly #usualTopic: string
  readonly #encoder: RowEncoder | undefined

  /** The encoder makes the value of a row where that is neither its JSON nor one column. */
  constructor(config: KafkaSinkConfig, schema: readonly Field[], encoder?: RowEncoder) {
    this.#usualTopic = config.topic
    this.#encoder = encoder
    this.#places = placesOf(config, schema)
    this.#columns = columnsNeeded(this.#places)
    this.#isBlob = schema[this.#places.raw]?.type === 'BLOB'
    if (encoder !== undefined) this.#columns = schema.length
    this.#spans = new Uint32Array(3 * schema.length)
  }

  /** Finds the parts of the row from `start` to `end` in the block, and where it goes: topic and partition. */
  locate(block: Buffer, start: number, end: number): void {
    if (this.#columns === 0) return
    findSpans(block, start, end, this.#spans, this.#columns)
    const { topic, partition } = this.#places
    if (topic >= 0) this.topic = this.#text(block, topic)
    if (partition >= 0) this.partition = numberOf(this.#text(block, partition))
  }

  /** All else of a row that was located. Throws ValueRefusedError where it has no form in the format. */
  read(block: Buffer, start: number, end: number): void {
    const { key, timestamp, headers } = this.#places
    if (key >= 0) this.#readKey(block, key)
    if (timestamp >= 0) this.timestamp = millisecondsOf(this.#text(block, timestamp))
    if (headers.length > 0) {
      this.headers = headers.flatMap(({ name, place }) => {
        const value = this.#bytes(block, place)
        return value === null ? [] : [{ key: name, value }]
      })
    }
    this.#readValue(block, start, end)
  }

  /** Throws as `read` would, without making the value. */
  check(block: Buffer): void {
    if (this.#encoder?.mayRefuse === true && !this.#isTombstone(block)) this.#encoder.check(block, this.#spans)
  }

  #isTombstone(block: Buffer): boolean {
    const { tombstone } = this.#places
    return tombstone >= 0 && block[this.#spans[3 * tombstone + 1] as number] === T
  }

  #readValue(block: Buffer, start: number, end: number): void {
    const { raw, kept } = this.#places
    if (this.#isTombstone(block)) this.#setValue(null)
    else if (raw >= 0) this.#readRaw(block, raw)
    else if (this.#encoder !== undefined) {
      this.#setValue(this.#encoder.encode(block, this.#spans, this.topic ?? this.#usualTopic))
    } else if (kept !== undefined) this.#readKept(block, end - start, kept)
    else this.#setValue(block, start, end)
  }

  #readKey(block: Buffer, place: number): void {
    const start = this.#spans[3 * place + 1] as number
    const end = this.#spans[3 * place + 2] as number
    if (isPlainString(block, start, end)) this.#setKey(block, start + 1, end - 1)
    else this.#setKey(textBytes(block, start, end))
  }

  #readRaw(block: Buffer, place: number): void {
    const bytes = this.#bytes(block, place)
    this.#setValue(bytes !== null && this.#isBlob ? blobOf(bytes.toString()) : bytes)
  }

  /** The row's JSON with these columns alone. */
  #readKept(block: Buffer, rowBytes: number, kept: readonly number[]): void {
    if (this.#value.length < rowBytes) this.#value = Buffer.allocUnsafe(2 * rowBytes)
    let at = 0
    this.#value[at++] = OPEN_BRACE
    for (const place of kept) {
      if (at > 1) this.#value[at++] = COMMA
      at += block.copy(this.#value, at, this.#spans[3 * place], this.#spans[3 * place + 2])
    }
    this.#value[at++] = CLOSE_BRACE
    this.#setValue(this.#value, 0, at)
  }

  #setKey(source: Buffer | null, start = 0, end = source?.length ?? 0): void {
    this.keySource = source
    this.keyStart = start
    this.keyEnd = end
  }

  #setValue(source: Buffer | null, start = 0, end = source?.length ?? 0): void {
    this.valueSource = source
    this.valueStart = start
    this.valueEnd = end
  }

  #bytes(block: Buffer, place: number): Buffer | null {
    return textBytes(block, this.#spans[3 * place + 1] as number, this.#spans[3 * place + 2] as number)
  }

  #text(block: Buffer, place: number): string | undefined {
    return this.#bytes(block, place)?.toString()
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
