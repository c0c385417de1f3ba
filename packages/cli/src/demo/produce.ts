import { generate } from '../generator/generate.ts'
import { ensureTopic, openKafkaSender } from '../generator/kafka-sender.ts'
import { type SentCounts, type SentSummary, summarize } from '../generator/summary.ts'
import { DEFAULT_PLAN, type TradePlan } from '../generator/trade-plan.ts'
import { DEMO_TOPIC } from './pipeline.ts'

/** Event time of the first order: the same for every demo, so that a seed gives the same rows. */
const START_MS = Date.UTC(2026, 10, 20, 10)

/** The backlog covers so much event time, however many orders there are. */
const SPAN_MS = 60 * 60_000

export function backlogPlan(count: number, seed: number): TradePlan {
  return { ...DEFAULT_PLAN, seed, count, startMs: START_MS, stepMs: SPAN_MS / count }
}

/** Orders that go on after a backlog, at the pace of real time; never before it, whatever the machine's clock says. */
export function livePlan(backlog: TradePlan, rate: number, nowMs: number): TradePlan {
  const { count = 0, ...rest } = backlog
  return {
    ...rest,
    seed: backlog.seed + 1,
    firstId: backlog.firstId + count,
    startMs: Math.max(nowMs, backlog.startMs + SPAN_MS),
    stepMs: 1000 / rate,
  }
}

export interface ProduceOptions {
  readonly bootstrap: string
  readonly plan: TradePlan
  readonly rate?: number
  readonly signal: AbortSignal
  readonly onSent?: (sent: SentCounts) => void
}

/** Sends a plan's orders with kafkajs into the demo's topic. */
export async function produce(options: ProduceOptions): Promise<SentSummary> {
  const { plan, rate, signal, onSent } = options
  const bootstrap = [options.bootstrap]
  const started = performance.now()
  await ensureTopic({ bootstrap, topic: DEMO_TOPIC, partitions: plan.partitions })
  const sender = await openKafkaSender({ bootstrap, topic: DEMO_TOPIC })
  try {
    const sent = await generate({
      plan,
      sender,
      signal,
      ...(rate === undefined ? {} : { rate }),
      ...(onSent === undefined ? {} : { onSent }),
    })
    return summarize(plan, `kafka://${options.bootstrap}/${DEMO_TOPIC}`, sent, performance.now() - started)
  } finally {
    await sender.close()
  }
}
