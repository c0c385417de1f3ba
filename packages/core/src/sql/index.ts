export * from './errors.ts'
export { explainPlan, explanationOf, type PlanExplanation } from './explain.ts'
export { type Planned, planPipeline } from './plan-pipeline.ts'
