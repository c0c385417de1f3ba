import type { EpochStep } from '@headrace/core'

export const STEPS: readonly EpochStep[] = ['read', 'run', 'stage', 'commit', 'publish', 'acknowledge']

/** Where a life ends itself: at the nth time that it comes to this side of this step. */
export interface StepKill {
  readonly step: EpochStep
  readonly when: 'before' | 'after'
  readonly occurrence: number
}

/** What a life is told, as JSON. */
export interface Job {
  readonly pipeline: string
  readonly connections: { readonly kafka: unknown; readonly postgres: unknown }
  readonly dataDirectory: string
  readonly drain: boolean
  readonly kill?: StepKill
}
