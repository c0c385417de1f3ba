import type { AdapterContext, Batch, Row, Sink } from '@headrace/core'
import { type ConsoleConfig, limitOf } from './config.ts'
import { ConsoleWriteError } from './errors.ts'
import { renderTable } from './table.ts'

/** Where text goes; resolves when it has been taken, so that a slow reader holds the sink back. */
export type Write = (text: string) => Promise<void>

export function createSink(config: ConsoleConfig, context: AdapterContext): Sink {
  return new ConsoleSink(config, context.name, writeStandardOutput)
}

/** Shows each batch on standard output. At least once: a batch that was being shown when the process died is shown again. */
export class ConsoleSink implements Sink {
  readonly #config: ConsoleConfig
  readonly #name: string
  readonly #write: Write

  constructor(config: ConsoleConfig, name: string, write: Write) {
    this.#config = config
    this.#name = name
    this.#write = write
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#config.format === 'ndjson') await this.#publishLines(batch, signal)
    else await this.#publishTable(batch)
  }

  async close(): Promise<void> {}

  async #publishTable(batch: Batch): Promise<void> {
    const rows = await firstRows(batch, limitOf(this.#config))
    const more = batch.rowCount - rows.length
    const title = `${this.#name}: batch ${batch.id.sequence}, ${count(batch.rowCount)}\n`
    const table = rows.length === 0 ? '' : renderTable(batch.schema, rows)
    await this.#write(`${title}${table}${more > 0 ? `… and ${count(more)} more\n` : ''}\n`)
  }

  async #publishLines(batch: Batch, signal: AbortSignal): Promise<void> {
    const limit = limitOf(this.#config)
    let shown = 0
    let text = ''
    for await (const row of batch.rows()) {
      if (shown++ >= limit) break
      text += `${JSON.stringify(row)}\n`
      if (text.length < 64 * 1024) continue
      signal.throwIfAborted()
      await this.#write(text)
      text = ''
    }
    if (text !== '') await this.#write(text)
  }
}

async function firstRows(batch: Batch, limit: number): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of batch.rows()) {
    if (rows.length === limit) break
    rows.push(row)
  }
  return rows
}

function count(rows: number): string {
  return rows === 1 ? '1 row' : `${rows.toLocaleString('en')} rows`
}

function writeStandardOutput(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(new ConsoleWriteError({ reason: error.message }, { cause: error }))
      else resolve()
    })
  })
}
