import type { RejectedRow } from '@headrace/core'
import { csvRecordEnds } from './csv-records.ts'
import { DROP_ROWS, INDEX_STAGE, type MergePlan, type StageMerge } from './plan-merge.ts'
import type { PostgresSession } from './session.ts'
import { isRowRefusal, refusalReason } from './translate.ts'

/** More than this are not looked for at once: those found are taken out, and publishing the rest finds the next ones. */
const MAX_REFUSED = 1_000

/**
 * Which rows of a CSV file the server refuses, found by trying halves in a transaction that is rolled back: first whether
 * their text fits the columns' types, then, for rows that do, whether the table takes them. In the order of the rows.
 */
export async function findRefusedRows(
  session: PostgresSession,
  plan: MergePlan,
  csvPath: string,
): Promise<readonly RejectedRow[]> {
  const ends = await csvRecordEnds(csvPath)
  const refused = await session.trial(async () => {
    await session.run('SET CONSTRAINTS ALL IMMEDIATE')
    if (plan.createStage !== undefined) await session.run(plan.createStage)
    const found = await bisect(session, ends.length, MAX_REFUSED, (from, to) =>
      session.copy(plan.copy, { path: csvPath, start: ends[from - 1] ?? 0, end: ends[to - 1] ?? 0 }),
    )
    if (plan.merge === undefined) return found
    return [...found, ...(await refusedByTable(session, plan.merge, ends.length, MAX_REFUSED - found.length))]
  })
  return refused.toSorted((a, b) => a.row - b.row)
}

async function refusedByTable(
  session: PostgresSession,
  merge: StageMerge,
  rows: number,
  limit: number,
): Promise<RejectedRow[]> {
  const withoutKey = await rowsWithNullKeys(session, merge)
  await session.run(DROP_ROWS, [withoutKey.map((refusal) => refusal.row)])
  // Rows that another one of the batch replaces are never written, so they cannot be refused.
  if (merge.keepWinners !== undefined) await session.run(merge.keepWinners)
  await session.run(INDEX_STAGE)
  const found = await bisect(session, rows, limit, (from, to) => session.run(merge.part, [from, to]))
  return [...withoutKey, ...found]
}

/** A NULL never equals another: such a row would be added again by every update. */
export async function rowsWithNullKeys(session: PostgresSession, merge: StageMerge): Promise<RejectedRow[]> {
  if (merge.nullKeys === undefined) return []
  const found = await session.rows<{ row: string }>(merge.nullKeys)
  return found.map(({ row }) => ({ row: Number(row), reason: 'a column of the key is NULL' }))
}

/** Tries rows 0 … count as one, and what is refused in halves; what is taken stays, as rows before a row in the batch do. */
async function bisect(
  session: PostgresSession,
  count: number,
  limit: number,
  attempt: (from: number, to: number) => Promise<unknown>,
): Promise<RejectedRow[]> {
  const refused: RejectedRow[] = []
  const waiting: [number, number][] = count > 0 ? [[0, count]] : []
  for (let next = waiting.pop(); next !== undefined && refused.length < limit; next = waiting.pop()) {
    const [from, to] = next
    const reason = await refusal(session, () => attempt(from, to))
    if (reason === undefined) continue
    const middle = Math.floor((from + to) / 2)
    if (to - from === 1) refused.push({ row: from, reason })
    else waiting.push([middle, to], [from, middle])
  }
  return refused
}

/** The reason why the server refuses what `work` writes; undefined when it took it. Other errors are thrown. */
async function refusal(session: PostgresSession, work: () => Promise<unknown>): Promise<string | undefined> {
  await session.run('SAVEPOINT part')
  try {
    await work()
  } catch (error) {
    if (!isRowRefusal(error)) throw error
    await session.run('ROLLBACK TO SAVEPOINT part')
    return refusalReason(error)
  }
  await session.run('RELEASE SAVEPOINT part')
  return undefined
}
