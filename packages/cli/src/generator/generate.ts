import { setTimeout as delay } from 'node:timers/promises'
import { Pace } from './pace.ts'
import { planTrades } from './plan-trades.ts'
import type { Sender } from './sender.ts'
import { SentCounts } from './summary.ts'
import type { PlannedRecord, TradePlan } from './trade-plan.ts'

export interface GenerateOptions {
  readonly plan: TradePlan
  readonly sender: Sender
  /** Records a second; as fast as the target takes them unless given. */
  readonly rate?: number
  /** Ends the stream early, after the batch under way. */
  readonly signal?: AbortSignal
  readonly onSent?: (sent: SentCounts, batch: readonly PlannedRecord[]) => void
}

const BATCH_RECORDS = 1000

/** Sends what the plan says at the rate asked for; gives what has been sent. The sender stays open. */
export async function generate(options: GenerateOptions): Promise<SentCounts> {
  const { plan, sender, signal, onSent } = options
  const records = planTrades(plan)
  const pace = options.rate === undefined ? undefined : new Pace(options.rate, performance.now())
  const sent = new SentCounts()
  let underWay: Promise<void> = Promise.resolve()
  while (signal?.aborted !== true) {
    const due = pace === undefined ? BATCH_RECORDS : Math.min(BATCH_RECORDS, pace.due(performance.now()))
    if (pace !== undefined && due === 0) {
      await delay(pace.waitMs(performance.now()), undefined, { signal }).catch(ignoreAbort)
      continue
    }
    // The next batch is planned while the one before is on its way.
    const batch = nextBatch(records, due)
    await underWay
    if (batch.length === 0) break
    pace?.took(batch.length)
    underWay = sender.send(batch).then(() => {
      for (const record of batch) sent.add(record)
      onSent?.(sent, batch)
    })
    // Awaited in the next round; until then a failure must not count as unhandled.
    underWay.catch(() => {})
  }
  await underWay
  return sent
}

/** The next `limit` records, fewer at the end. (`take` of iterators would close the generator behind itself.) */
function nextBatch(records: Iterator<PlannedRecord, void>, limit: number): PlannedRecord[] {
  const batch: PlannedRecord[] = []
  while (batch.length < limit) {
    const next = records.next()
    if (next.done === true) break
    batch.push(next.value)
  }
  return batch
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error
}
