export * from './batches.ts'
export * from './define-error.ts'
export * from './problem.ts'
export * from './sinks.ts'
