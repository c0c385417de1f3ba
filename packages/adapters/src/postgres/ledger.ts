import { type Batch, SinkAheadError, SinkBehindError, SinkForeignError } from '@headrace/core'
import type { PostgresSession } from './session.ts'

/** Where the last published batch of each sink stands, in the same database as its rows. */
const LEDGER_TABLE = 'headrace.batches'

/** What an administrator runs for a user who may not create schemas. */
export const LEDGER_STATEMENTS = `CREATE SCHEMA IF NOT EXISTS headrace; CREATE TABLE IF NOT EXISTS ${LEDGER_TABLE} (pipeline text, sink text, incarnation text NOT NULL, sequence bigint NOT NULL, published_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (pipeline, sink))`

/** Makes the ledger where there is none. */
export async function ensureLedger(session: PostgresSession): Promise<void> {
  const [found] = await session.rows<{ there: boolean }>(`SELECT to_regclass('${LEDGER_TABLE}') IS NOT NULL AS there`)
  if (found?.there === true) return
  await withDefinitionLock(session, () => session.run(LEDGER_STATEMENTS))
}

/** One at a time: CREATE … IF NOT EXISTS fails on a race between two sessions. */
export async function withDefinitionLock(session: PostgresSession, work: () => Promise<unknown>): Promise<void> {
  await session.transaction(async () => {
    await session.rows("SELECT pg_advisory_xact_lock(hashtext('headrace definitions'))")
    await work()
  })
}

const FIRST = `
  INSERT INTO ${LEDGER_TABLE} (pipeline, sink, incarnation, sequence) VALUES ($1, $2, $3, $4)
  ON CONFLICT (pipeline, sink) DO NOTHING`

const NEXT = `
  UPDATE ${LEDGER_TABLE} SET sequence = $4, published_at = now()
  WHERE pipeline = $1 AND sink = $2 AND incarnation = $3 AND sequence = $4::bigint - 1`

/**
 * The first thing in a publication's transaction: moves the ledger from the batch before to this one. The statement is the
 * check, so two processes cannot both pass it. False: this batch is in already. Throws SINK_AHEAD, SINK_BEHIND or SINK_FOREIGN,
 * which say how `table` (quoted) is emptied.
 */
export async function advanceLedger(
  session: PostgresSession,
  { id, untried }: Pick<Batch, 'id' | 'untried'>,
  table: string,
): Promise<boolean> {
  const { pipeline, sink, incarnation, sequence } = id
  const changed = await session.run(sequence === 1 ? FIRST : NEXT, [pipeline, sink, incarnation, sequence])
  if (changed === 1) return true
  const [last] = await session.rows<{ incarnation: string; sequence: string }>(
    `SELECT incarnation, sequence FROM ${LEDGER_TABLE} WHERE pipeline = $1 AND sink = $2`,
    [pipeline, sink],
  )
  const forget = `DELETE FROM ${LEDGER_TABLE} WHERE pipeline = ${quoteText(pipeline)} AND sink = ${quoteText(sink)}`
  const reset = `run TRUNCATE ${table}; ${forget}`
  if (last !== undefined && last.incarnation !== incarnation) {
    throw new SinkForeignError({ sink, incarnation, found: last.incarnation, reset })
  }
  const found = Number(last?.sequence ?? 0)
  if (found === sequence && !untried) return false
  const details = { sink, incarnation, expected: sequence, found, reset }
  throw found >= sequence ? new SinkAheadError(details) : new SinkBehindError(details)
}

/** Pipelines and sinks have plain names; quotes are doubled all the same, since the text is one to paste. */
function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
