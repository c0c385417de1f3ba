export * from './define-error.ts'
export * from './sinks.ts'
