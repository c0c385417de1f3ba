export * from './errors.ts'
export type * from './pipeline-config.ts'
export * from './units.ts'
