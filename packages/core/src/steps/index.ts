import type { StepConfig } from '../config/pipeline-config.ts'
import { compileApplyMapping } from './apply-mapping.ts'
import type { CompiledStep } from './compiled-step.ts'
import { compileFilter } from './filter.ts'
import { compileSelect } from './select.ts'
import { compileSql } from './sql.ts'

/** Every step is SQL over `input`. */
export function compileStep(step: StepConfig): CompiledStep {
  switch (step.kind) {
    case 'sql':
      return compileSql(step)
    case 'filter':
      return compileFilter(step)
    case 'select':
      return compileSelect(step)
    case 'applyMapping':
      return compileApplyMapping(step)
  }
}
