import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Decoded, Decoder } from '../decode/decoder.ts'
import { jsonDecoder } from '../decode/json.ts'
import { type Connection, Database, type JsonRow } from '../duckdb/index.ts'
import { EpochRecords, type Field, type MetadataColumn, type RecordBlock } from '../model/index.ts'
import { blockOf, type TestValue } from './blocks.ts'

export interface DecodingOptions {
  readonly required?: readonly string[]
  readonly metadata?: readonly MetadataColumn[]
  /** JSON's unless told. */
  readonly decoder?: Decoder
}

export type DecodedRows = Decoded & { readonly table: JsonRow[] }

/** A database in memory and a folder for the spool: what the decoder's tests run on. */
export class TestDecoding {
  readonly connection: Connection
  readonly #database: Database
  readonly #folder: string

  private constructor(database: Database, connection: Connection, folder: string) {
    this.#database = database
    this.connection = connection
    this.#folder = folder
  }

  static async open(): Promise<TestDecoding> {
    const folder = await mkdtemp(join(tmpdir(), 'headrace-decode-'))
    const database = await Database.open(undefined, { threads: 2 })
    return new TestDecoding(database, await database.connect(), folder)
  }

  get spoolFile(): string {
    return join(this.#folder, 'spool.ndjson')
  }

  /** Decodes one block of values, or several blocks. */
  async decode(
    input: readonly TestValue[] | { blocks: readonly RecordBlock[] },
    columns: readonly Field[],
    options: DecodingOptions = {},
  ): Promise<DecodedRows> {
    const blocks = 'blocks' in input ? input.blocks : [blockOf(input)]
    const { connection, spoolFile } = this
    const decoded = await (options.decoder ?? jsonDecoder()).decode({
      connection,
      spoolFile,
      table: '_input',
      columns,
      required: options.required ?? [],
      metadata: options.metadata ?? [],
      records: new EpochRecords(blocks),
    })
    return { ...decoded, table: await connection.rows('SELECT * FROM _input ORDER BY rowid') }
  }

  async close(): Promise<void> {
    this.#database.close()
    await rm(this.#folder, { recursive: true })
  }
}

/** `{ a: 'INTEGER' }` → fields. */
export function fields(types: Readonly<Record<string, string>>): Field[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }))
}
