export * from './config/index.ts'
export { type ColumnType as ParsedType, parseType } from './decode/column-type.ts'
export * from './engine/data-folder.ts'
export {
  type DeadLetterSummary,
  type DeadLetters,
  openDeadLetters,
  type StoredDeadLetter,
} from './engine/dead-letters.ts'
export { PipelineInvalidError } from './engine/errors.ts'
export { makeDataFolder, makeFolder } from './engine/make-folder.ts'
export type * from './engine/options.ts'
export { checkPipeline, planChecked } from './engine/plan-checked.ts'
export { runPipeline } from './engine/run.ts'
export type * from './engine/status.ts'
export * from './errors/index.ts'
export * from './model/index.ts'
export * from './query/index.ts'
export * from './registry/index.ts'
export { explainPlan, explanationOf, type PlanExplanation } from './sql/index.ts'
