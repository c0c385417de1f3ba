import type { SelectStep } from '../config/pipeline-config.ts'
import type { CompiledStep, Origin } from './compiled-step.ts'

/** Keeps and computes columns; each must have been checked to be one expression. */
export function compileSelect(step: SelectStep): CompiledStep {
  const origins: Origin[] = []
  let sql = 'SELECT'
  let line = 1
  for (const [i, column] of step.columns.entries()) {
    origins.push({ firstLine: line + 1, path: ['select', i] })
    sql += `${i === 0 ? '' : ','}\n${column}\n`
    line += column.split('\n').length + 1
  }
  return { sql: `${sql}FROM input`, origins, keepsMetadata: false }
}
