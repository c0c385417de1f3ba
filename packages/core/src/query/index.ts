export type { DatasetName } from './catalog.ts'
export * from './errors.ts'
export * from './lake.ts'
export * from './manifest.ts'
