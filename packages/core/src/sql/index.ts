export * from './errors.ts'
export { type Planned, planPipeline } from './plan-pipeline.ts'
