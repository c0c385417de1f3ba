export * from './errors.ts'
export { explainPlan, explanationOf, type PlanExplanation } from './explain.ts'
export { loadFunctionCatalog } from './function-catalog.ts'
export { planPipeline } from './plan-pipeline.ts'
