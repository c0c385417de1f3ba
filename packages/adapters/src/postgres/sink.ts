import { rm } from 'node:fs/promises'
import { type Batch, type Field, RowsRejectedError, type Sink, type SinkContext } from '@headrace/core'
import type { PostgresConnection, PostgresSinkConfig } from './config.ts'
import { PostgresPermissionDeniedError, PostgresRowsLostError, PostgresTableMissingError } from './errors.ts'
import { creationSchema, ensureSchema, introspect, type TargetTable } from './introspect.ts'
import { advanceLedger, ensureLedger, LEDGER_STATEMENTS, withDefinitionLock } from './ledger.ts'
import { parseTableName, quoteTable, type TableName } from './names.ts'
import { type MergePlan, planMerge } from './plan-merge.ts'
import { planCreateTable, planTable } from './plan-table.ts'
import { findRefusedRows, rowsWithNullKeys } from './refused-rows.ts'
import { PostgresSession } from './session.ts'
import { isRowRefusal, sqlState } from './translate.ts'

export function createSink(config: PostgresSinkConfig, context: SinkContext): Sink {
  return new PostgresSink(config, context)
}

interface Prepared {
  readonly columns: string
  readonly plan: MergePlan
}

class PostgresSink implements Sink {
  readonly #config: PostgresSinkConfig
  readonly #context: SinkContext
  readonly #table: TableName
  #session: PostgresSession | undefined
  #prepared: Prepared | undefined

  constructor(config: PostgresSinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
    this.#table = parseTableName(config.table) ?? { schema: undefined, name: config.table }
  }

  async connect(signal: AbortSignal): Promise<void> {
    const session = await this.#connected(signal)
    const { columns } = this.#context
    await session.translated(signal, async () => {
      if (columns !== undefined) await this.#prepare(session, columns)
      else if ((await introspect(session, this.#table)) === undefined && !this.#config.createTable) {
        throw new PostgresTableMissingError({ table: quoteTable(this.#table) })
      }
    })
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const session = await this.#connected(signal)
    await session.translated(signal, async () => {
      const plan = await this.#prepare(session, batch.schema)
      if (batch.rowCount === 0) return this.#publishEmpty(session, batch)
      await withCsvFile(batch, plan.select, (csvPath) => this.#publishRows(session, plan, batch, csvPath))
    })
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }

  /** The session of this sink; a new one where there was none or its connection is gone. */
  async #connected(signal: AbortSignal): Promise<PostgresSession> {
    if (this.#session?.lost === false) return this.#session
    await this.close()
    this.#prepared = undefined
    const session = await PostgresSession.open(this.#context.connection as PostgresConnection, signal)
    this.#session = session
    await session.translated(signal, () => this.#ensureLedger(session))
    return session
  }

  async #ensureLedger(session: PostgresSession): Promise<void> {
    try {
      await ensureLedger(session)
    } catch (error) {
      if (sqlState(error) !== '42501') throw error
      const details = { server: session.server, reason: (error as Error).message, grant: LEDGER_STATEMENTS }
      throw new PostgresPermissionDeniedError(details, { cause: error })
    }
  }

  /** The statements for rows of these columns; looks at the table once per connection and set of columns. */
  async #prepare(session: PostgresSession, columns: readonly Field[]): Promise<MergePlan> {
    const signature = JSON.stringify(columns)
    if (this.#prepared?.columns === signature) return this.#prepared.plan
    const table = (await introspect(session, this.#table)) ?? (await this.#createTable(session, columns))
    const plan = planMerge(planTable(table, this.#config, columns))
    this.#prepared = { columns: signature, plan }
    return plan
  }

  async #createTable(session: PostgresSession, columns: readonly Field[]): Promise<TargetTable> {
    const schema = this.#table.schema ?? (await creationSchema(session))
    const name = { schema, name: this.#table.name }
    const statement = planCreateTable(name, this.#config, columns)
    if (!this.#config.createTable) throw new PostgresTableMissingError({ table: quoteTable(this.#table), statement })
    await withDefinitionLock(session, async () => {
      if ((await introspect(session, name)) !== undefined) return
      if (schema !== undefined) await ensureSchema(session, schema)
      await session.run(statement)
      this.#context.log({ level: 'info', code: 'POSTGRES_TABLE_CREATED', message: `created by ${statement}` })
    })
    const table = await introspect(session, name)
    if (table === undefined) throw new PostgresTableMissingError({ table: quoteTable(name), statement })
    return table
  }

  /** A batch without rows still counts: the next one follows it. */
  async #publishEmpty(session: PostgresSession, batch: Batch): Promise<void> {
    await session.transaction(() => advanceLedger(session, batch, quoteTable(this.#table)))
  }

  async #publishRows(session: PostgresSession, plan: MergePlan, batch: Batch, csvPath: string): Promise<void> {
    try {
      await session.transaction(async () => {
        await session.run('SET CONSTRAINTS ALL IMMEDIATE')
        if (!(await advanceLedger(session, batch, quoteTable(this.#table)))) return
        await this.#write(session, plan, batch, csvPath)
      })
    } catch (error) {
      if (!isRowRefusal(error)) throw error
      const rows = await findRefusedRows(session, plan, csvPath)
      // Nothing found: the refusal was no row's fault, or has passed. The error itself is what there is to tell.
      if (rows.length === 0) throw error
      throw new RowsRejectedError({ sink: batch.id.sink, rows }, { cause: error })
    }
  }

  async #write(session: PostgresSession, plan: MergePlan, batch: Batch, csvPath: string): Promise<void> {
    if (plan.createStage !== undefined) await session.run(plan.createStage)
    const found = await session.copy(plan.copy, { path: csvPath })
    if (found !== batch.rowCount) {
      throw new PostgresRowsLostError({ table: quoteTable(this.#table), expected: batch.rowCount, found })
    }
    if (plan.merge === undefined) return
    const rows = await rowsWithNullKeys(session, plan.merge)
    if (rows.length > 0) throw new RowsRejectedError({ sink: batch.id.sink, rows })
    await session.run(plan.merge.all)
  }
}

/** Beside the batch's first file and under its name, so that a crash leaves nothing that nobody sweeps. */
async function withCsvFile(
  batch: Batch,
  select: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<void> {
  const path = `${batch.files[0]?.path ?? ''}.csv`
  try {
    await batch.export({ format: 'csv', to: path, select })
    await work(path)
  } finally {
    await rm(path, { force: true })
  }
}
