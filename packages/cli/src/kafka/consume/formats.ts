import { isUtf8 } from 'node:buffer'
import { cellText } from '../../output/table.ts'
import type { LineBuffer } from './line-buffer.ts'
import type { RecordView } from './record-view.ts'
import { safeText } from './safe-text.ts'

export const OUTPUT_FORMATS = ['value', 'json', 'key-value', 'raw', 'table'] as const

export interface FormatOptions {
  readonly format: (typeof OUTPUT_FORMATS)[number]
  readonly topic: string
  readonly keySeparator: string
  /** Stands for a key or value that is null. */
  readonly nullText: string
  /** Characters of a line of the table. */
  readonly width: number
}

/** How records are written. */
export interface RecordFormat {
  /** Comes before the first record. */
  readonly head: string
  /** Whether what was written may hold bytes that are no text: all but exact bytes are made safe before they are shown. */
  readonly isText: boolean
  write(record: RecordView, out: LineBuffer): void
}

const NEWLINE = 0x0a

export function recordFormat(options: FormatOptions): RecordFormat {
  switch (options.format) {
    case 'json':
      return jsonFormat(options.topic)
    case 'table':
      return tableFormat(options.width)
    case 'key-value':
      return keyValueFormat(Buffer.from(options.keySeparator), Buffer.from(options.nullText))
    default:
      return valueFormat(options.format !== 'raw', Buffer.from(options.nullText))
  }
}

function valueFormat(isText: boolean, none: Buffer): RecordFormat {
  return {
    head: '',
    isText,
    write(record, out) {
      if (record.valueLength < 0) out.part(none, 0, none.length)
      else out.part(record.source, record.valueStart, record.valueLength)
      out.byte(NEWLINE)
    },
  }
}

function keyValueFormat(separator: Buffer, none: Buffer): RecordFormat {
  return {
    head: '',
    isText: true,
    write(record, out) {
      if (record.keyLength < 0) out.part(none, 0, none.length)
      else out.part(record.source, record.keyStart, record.keyLength)
      out.part(separator, 0, separator.length)
      if (record.valueLength < 0) out.part(none, 0, none.length)
      else out.part(record.source, record.valueStart, record.valueLength)
      out.byte(NEWLINE)
    },
  }
}

/** One JSON object a line. Bytes that are no UTF-8 are told as `{"base64": …}`. */
function jsonFormat(topic: string): RecordFormat {
  const named = `{"topic":${JSON.stringify(topic)},"partition":`
  return {
    head: '',
    isText: false,
    write(record, out) {
      const headers = record.headers.map(([name, value]) => `[${JSON.stringify(name)},${jsonBytes(value)}]`)
      out.text(
        `${named}${record.partition},"offset":${record.offset},"timestamp":${jsonTime(record.timestamp)},` +
          `"timestampType":"${record.isAppendTime ? 'LogAppendTime' : 'CreateTime'}",` +
          `"headers":[${headers.join(',')}],"key":${jsonBytes(record.key)},"value":${jsonBytes(record.value)}}\n`,
      )
    },
  }
}

function jsonBytes(bytes: Buffer | null): string {
  if (bytes === null) return 'null'
  return isUtf8(bytes) ? JSON.stringify(bytes.toString()) : `{"base64":"${bytes.toString('base64')}"}`
}

/** A producer may send any number as a time: one that is none is told as that number. */
function jsonTime(ms: number): string {
  return isTime(ms) ? `"${new Date(ms).toISOString()}"` : String(ms)
}

function isTime(ms: number): boolean {
  return Math.abs(ms) <= 8.64e15 && ms >= 0
}

const COLUMNS = { partition: 9, offset: 10, timestamp: 24 } as const
const GAP = ' │ '

/** Lines that fit: partition, offset, time, key, value and headers share what is left of the width. */
function tableFormat(width: number): RecordFormat {
  const rest = Math.max(24, width - COLUMNS.partition - COLUMNS.offset - COLUMNS.timestamp - 4 * GAP.length)
  const keyWidth = Math.min(24, Math.floor(rest / 4))
  const valueWidth = rest - keyWidth - GAP.length
  const lineOf = (partition: string, offset: string, time: string, key: string, value: string) =>
    [
      partition.padStart(COLUMNS.partition),
      offset.padStart(COLUMNS.offset),
      time.padEnd(COLUMNS.timestamp),
      fitted(key, keyWidth).padEnd(keyWidth),
      fitted(value, valueWidth),
    ]
      .join(GAP)
      .trimEnd()
  const rule = [COLUMNS.partition, COLUMNS.offset, COLUMNS.timestamp, keyWidth, valueWidth]
  return {
    head: `${lineOf('partition', 'offset', 'timestamp', 'key', 'value')}\n${rule.map((n) => '─'.repeat(n)).join('─┼─')}\n`,
    isText: true,
    write(record, out) {
      const headers = record.headers.map(([name, value]) => `${name}=${cellOf(value)}`)
      const value = cellOf(record.value)
      const shown = headers.length === 0 ? value : `[${cellText(headers.join(' '))}] ${value}`
      const key = cellOf(record.key)
      const time = isTime(record.timestamp) ? new Date(record.timestamp).toISOString() : String(record.timestamp)
      out.text(`${lineOf(String(record.partition), String(record.offset), time, key, shown)}\n`)
    },
  }
}

function cellOf(bytes: Buffer | null): string {
  return bytes === null ? 'NULL' : cellText(safeText(bytes, false).toString())
}

function fitted(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}
