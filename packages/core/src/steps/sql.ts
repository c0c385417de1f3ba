import type { SqlStep } from '../config/pipeline-config.ts'
import type { CompiledStep } from './compiled-step.ts'

export function compileSql(step: SqlStep): CompiledStep {
  return { sql: step.sql, origins: [{ firstLine: 1, path: ['sql'] }], keepsMetadata: false }
}
