export { Recount, type RecountRules, type RecountTotals, type TradesPerMinute } from './demo/recount.ts'
export { planTrades } from './generator/plan-trades.ts'
export { DEFAULT_PLAN, type PlannedRecord, type TradePlan } from './generator/trade-plan.ts'
export * from './services/index.ts'
