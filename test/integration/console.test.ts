import { adapters } from '@headrace/adapters'
import type { Field, Json, Row } from '@headrace/core'
import { describeSink, type ReadRow, SINK_TEST_ID } from '@headrace/core/testing'
import { afterEach, vi } from 'vitest'

const sink = adapters.find((adapter) => adapter.name === 'console')?.sink
if (sink === undefined) throw new Error('the adapter "console" is not listed')
const { createSink } = await sink.load()

afterEach(() => {
  vi.restoreAllMocks()
})

describeSink('console', {
  delivery: sink.delivery,
  async target() {
    // Standard output itself: what is printed is taken down here instead of on the terminal.
    let printed = ''
    vi.spyOn(process.stdout, 'write').mockImplementation((text, encoding, callback?) => {
      printed += String(text)
      const done = typeof encoding === 'function' ? encoding : callback
      done?.()
      return true
    })
    const config = { format: 'ndjson' }
    const context = { pipeline: SINK_TEST_ID.pipeline, name: SINK_TEST_ID.sink, lakeDirectory: '/nowhere' }
    return {
      staging: sink.staging(config, context),
      open: () => createSink(config, { ...context, connection: undefined, log: () => undefined }),
      async read(columns) {
        const lines = printed.split('\n').filter((line) => line !== '')
        return lines.map((line) => readRow(columns, JSON.parse(line) as Row))
      },
      async close() {
        vi.restoreAllMocks()
      },
    }
  },
})

function readRow(columns: readonly Field[], row: Row): ReadRow {
  return Object.fromEntries(columns.map(({ name, type }) => [name, readValue(type, row[name] ?? null)]))
}

function readValue(type: string, value: Json): string | Uint8Array | null {
  if (value === null) return null
  if (type === 'BLOB') return bytesOf(String(value))
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** DuckDB's text form of a BLOB: `\xFF` for bytes that are not printable ASCII. */
function bytesOf(text: string): Uint8Array {
  return Buffer.from(
    text.replaceAll(/\\x([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}
