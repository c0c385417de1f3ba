import { formatCount, formatElapsed, formatRate } from '../output/format.ts'
import { MALFORMED_KINDS, type PlannedRecord, RECORD_KINDS, type RecordKind, type TradePlan } from './trade-plan.ts'

/** What a generator has sent so far, per kind. */
export class SentCounts {
  readonly byKind: Record<RecordKind, number>
  records = 0
  bytes = 0

  constructor() {
    this.byKind = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, 0])) as Record<RecordKind, number>
  }

  add(record: PlannedRecord): void {
    this.byKind[record.kind]++
    this.records++
    this.bytes += record.value.length
  }

  get malformed(): number {
    return MALFORMED_KINDS.reduce((sum, kind) => sum + this.byKind[kind], 0)
  }
}

export interface SentSummary {
  readonly target: string
  readonly seed: number
  readonly start: string
  readonly records: number
  readonly bytes: number
  readonly elapsedMs: number
  readonly recordsPerSecond: number
  readonly kinds: Readonly<Record<RecordKind, number>>
}

export function summarize(plan: TradePlan, target: string, sent: SentCounts, elapsedMs: number): SentSummary {
  return {
    target,
    seed: plan.seed,
    start: new Date(plan.startMs).toISOString(),
    records: sent.records,
    bytes: sent.bytes,
    elapsedMs: Math.round(elapsedMs),
    recordsPerSecond: Math.round(sent.records / Math.max(0.001, elapsedMs / 1000)),
    kinds: { ...sent.byKind },
  }
}

/** Two lines for a person: how many and how fast, then how many of what. */
export function renderSummary(summary: SentSummary): string {
  const kinds = RECORD_KINDS.filter((kind) => summary.kinds[kind] > 0)
    .map((kind) => `${formatCount(summary.kinds[kind])} ${kind}`)
    .join(' · ')
  return [
    `sent ${formatCount(summary.records)} records to ${summary.target} in ${formatElapsed(summary.elapsedMs)} ` +
      `(${formatRate(summary.recordsPerSecond)}), seed ${summary.seed}, from ${summary.start}`,
    `  ${kinds}`,
  ].join('\n')
}
