import type { GoldenCase } from './golden-case.ts'

/** One run of a pipeline over what is there by then; the last of a case drains. */
export interface PlannedRun {
  /** How many records each partition has when the run begins. */
  readonly ends: readonly number[]
  /** Whether all of a stage is there. */
  readonly wholeStage: boolean
  readonly drain: boolean
}

/** A run for each stage. */
export function planStraight(golden: GoldenCase): PlannedRun[] {
  return planStops(golden, [])
}

/** Stops within each stage: after these shares of its records, in the order in which they were sent. */
export function planStops({ stages }: GoldenCase, shares: readonly number[]): PlannedRun[] {
  const runs: PlannedRun[] = []
  let ends: number[] = []
  for (const [s, { partitions, records }] of stages.entries()) {
    ends = grown(ends, partitions)
    let from = 0
    for (const share of [...shares, 1]) {
      const to = Math.round(share * records.length)
      for (const { partition } of records.slice(from, to)) (ends[partition] as number)++
      from = to
      runs.push({ ends: [...ends], wholeStage: share === 1, drain: share === 1 && s === stages.length - 1 })
    }
  }
  return runs
}

/** One partition after the other, last first: those that were read in step by others are as far out of it as can be. */
export function planPartitionByPartition({ stages }: GoldenCase): PlannedRun[] {
  const runs: PlannedRun[] = []
  let ends: number[] = []
  for (const [s, { partitions, records }] of stages.entries()) {
    ends = grown(ends, partitions)
    for (let partition = partitions - 1; partition >= 0; partition--) {
      const own = records.filter((record) => record.partition === partition)
      ends[partition] = (ends[partition] as number) + own.length
      runs.push({ ends: [...ends], wholeStage: partition === 0, drain: partition === 0 && s === stages.length - 1 })
    }
  }
  return runs
}

function grown(ends: readonly number[], partitions: number): number[] {
  return Array.from({ length: partitions }, (_, partition) => ends[partition] ?? 0)
}
