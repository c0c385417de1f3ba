import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { PipelineStatus } from '@headrace/core'
import { numbersFrom } from '../../support/seeded-numbers.ts'
import { type Job, STEPS, type StepKill } from '../job.ts'
import { type LifeEnd, liveOnce } from '../one-life.ts'
import { PIPELINE, type TopicsScene } from './scene.ts'

export interface TopicsSummary {
  readonly seed: number
  readonly lives: number
  readonly pipelineKills: number
  readonly brokerKills: number
  readonly status: PipelineStatus
}

interface Plan {
  readonly kill?: StepKill
  readonly pipelineAfterMs?: number
  readonly brokerAfterMs?: number
}

/** Lives of the pipeline, the stream growing meanwhile: it is killed, or the broker is, or both are; then it is drained in peace. */
export async function liveThrough(
  scene: TopicsScene,
  options: { seed: number; lives: number; recordsPerLife: number; onLife?: (text: string) => void },
): Promise<TopicsSummary> {
  const random = numbersFrom(options.seed)
  let pipelineKills = 0
  let brokerKills = 0
  for (let n = 0; n < options.lives; n++) {
    await scene.produce(options.recordsPerLife)
    const plan = planLife(n, random)
    const [end] = await Promise.all([live(scene, false, plan), killBroker(scene, plan)])
    if (end.killed) pipelineKills++
    if (plan.brokerAfterMs !== undefined) brokerKills++
    options.onLife?.(`life ${n + 1}: ${JSON.stringify(plan)}${end.killed ? ', killed' : ''}`)
  }
  const { status } = await live(scene, true, {})
  if (status === undefined) throw new Error('the last life was killed by somebody else')
  return { seed: options.seed, lives: options.lives + 1, pipelineKills, brokerKills, status }
}

/** In turn: the pipeline at a named step, the broker while the pipeline works, both at any moment. */
function planLife(n: number, random: () => number): Plan {
  const brokerAfterMs = 150 + random() * 900
  if (n % 3 === 1) return { brokerAfterMs }
  if (n % 3 === 2) return { brokerAfterMs, pipelineAfterMs: 150 + random() * 1200 }
  const at = n / 3
  return {
    kill: {
      step: STEPS[at % STEPS.length] as StepKill['step'],
      when: Math.floor(at / STEPS.length) % 2 === 0 ? 'after' : 'before',
      occurrence: 1 + Math.floor(random() * 4),
    },
  }
}

async function killBroker(scene: TopicsScene, { brokerAfterMs }: Plan): Promise<void> {
  if (brokerAfterMs === undefined) return
  await delay(brokerAfterMs)
  await scene.killBroker()
}

function live(scene: TopicsScene, drain: boolean, { kill, pipelineAfterMs }: Plan): Promise<LifeEnd> {
  const job: Job = {
    pipeline: PIPELINE,
    connections: { kafka: { bootstrap: scene.address, clientId: 'headrace-topics' }, postgres: undefined },
    dataDirectory: join(scene.directory, 'data'),
    drain,
    ...(kill === undefined ? {} : { kill }),
  }
  return liveOnce(job, scene.directory, pipelineAfterMs)
}
