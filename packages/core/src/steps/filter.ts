import type { FilterStep } from '../config/pipeline-config.ts'
import type { CompiledStep } from './compiled-step.ts'

/** Keeps the rows for which the condition holds; the condition must have been checked to be one expression. */
export function compileFilter(step: FilterStep): CompiledStep {
  return {
    sql: `SELECT * FROM input WHERE (\n${step.condition}\n)`,
    origins: [{ firstLine: 2, path: ['filter'] }],
    keepsMetadata: true,
  }
}
