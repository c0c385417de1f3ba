import { letterDocument } from '../output/dead-letter.ts'
import type { DemoOutcome } from './demo.ts'

/** The demo's outcome for scripts. */
export function demoDocument({ pipeline, sent, status, verdict, deadLetters }: DemoOutcome, elapsedMs: number) {
  return {
    agrees: verdict.agrees,
    elapsedMs: Math.round(elapsedMs),
    pipeline: pipeline.config.name,
    file: pipeline.file,
    ...(sent === undefined ? {} : { sent }),
    firstResultMs: status.firstResultMs,
    accounts: verdict.accounts,
    accountsAddUp: verdict.accountsAddUp,
    accountsAgree: verdict.accountsAgree,
    comparisons: verdict.comparisons,
    deadLetters: {
      reasons: deadLetters.reasons,
      examples: deadLetters.examples.map(letterDocument),
    },
    status,
  }
}
