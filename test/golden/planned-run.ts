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

/** Each stage's last partition alone, then the others: partitions that were written in step are read far out of it. */
export function planOutOfStep({ stages }: GoldenCase): PlannedRun[] {
  const runs: PlannedRun[] = []
  let ends: number[] = []
  for (const [s, { partitions, records }] of stages.entries()) {
    ends = grown(ends, partitions)
    for (const wholeStage of [false, true]) {
      const now = records.filter(({ partition }) => partition < partitions - 1 === wholeStage)
      for (const { partition } of now) (ends[partition] as number)++
      runs.push({ ends: [...ends], wholeStage, drain: wholeStage && s === stages.length - 1 })
    }
  }
  return runs
}

function grown(ends: readonly number[], partitions: number): number[] {
  return Array.from({ length: partitions }, (_, partition) => ends[partition] ?? 0)
}
