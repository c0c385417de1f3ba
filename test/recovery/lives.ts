import { join } from 'node:path'
import type { PipelineStatus } from '@headrace/core'
import { numbersFrom } from '../support/seeded-numbers.ts'
import { type Job, STEPS, type StepKill } from './job.ts'
import { type LifeEnd, liveOnce } from './one-life.ts'
import { PIPELINE, type Scene } from './scene.ts'

export interface RecoverySummary {
  readonly seed: number
  readonly lives: number
  readonly kills: number
  /** How often a life ended at each place: `before commit`, …, `at random`. */
  readonly killsAt: Readonly<Record<string, number>>
  readonly status: PipelineStatus
}

/** Lets the pipeline live and die until it was killed `kills` times, the stream growing meanwhile; then drains it in peace. */
export async function liveAndDie(
  scene: Scene,
  options: { seed: number; kills: number; recordsPerLife: number; onLife?: (text: string) => void },
): Promise<RecoverySummary> {
  const random = numbersFrom(options.seed)
  const killsAt: Record<string, number> = {}
  let lives = 0
  let kills = 0
  // The last kills hit the draining itself.
  const lastOnes = Math.min(DRAINING.length, Math.floor(options.kills / 3))
  while (kills < options.kills) {
    const draining = options.kills - kills <= lastOnes
    if (!draining) await scene.produce(options.recordsPerLife)
    const kill = draining ? drainingKill(options.kills - kills) : planKill(kills, random)
    const end = await live(
      scene,
      { drain: draining, ...('step' in kill ? { kill } : {}) },
      'afterMs' in kill ? kill.afterMs : undefined,
    )
    lives++
    const place = 'step' in kill ? `${kill.when} ${kill.step}` : 'at random'
    options.onLife?.(`life ${lives}: ${end.killed ? `killed ${place}` : `came to its end (${place} was not reached)`}`)
    if (end.killed) {
      kills++
      killsAt[place] = (killsAt[place] ?? 0) + 1
    } else if (draining) break
  }
  const last = await live(scene, { drain: true })
  if (last.status === undefined) throw new Error('the last life was killed by somebody else')
  return { seed: options.seed, lives: lives + 1, kills, killsAt, status: last.status }
}

/** Every named step in turn, before and after, early and late in a life; in between, any moment at all. */
function planKill(n: number, random: () => number): StepKill | { readonly afterMs: number } {
  if (n % 3 === 2) return { afterMs: 150 + random() * 1200 }
  const at = n - Math.floor((n + 1) / 3)
  return {
    step: STEPS[at % STEPS.length] as StepKill['step'],
    when: Math.floor(at / STEPS.length) % 2 === 0 ? 'before' : 'after',
    occurrence: 1 + Math.floor(random() * 4),
  }
}

/** The places that a draining run comes to, each once, in an order that leaves something to do for the next one. */
const DRAINING: readonly Omit<StepKill, 'occurrence'>[] = [
  { step: 'run', when: 'before' },
  { step: 'run', when: 'after' },
  { step: 'stage', when: 'after' },
  { step: 'commit', when: 'before' },
  { step: 'commit', when: 'after' },
  { step: 'publish', when: 'before' },
  { step: 'publish', when: 'after' },
]

/** The kill of a draining run when so many are left, this one included. */
function drainingKill(left: number): StepKill {
  return { ...(DRAINING[DRAINING.length - left] as (typeof DRAINING)[number]), occurrence: 1 }
}

/** One life of the scene's pipeline. */
function live(scene: Scene, job: Pick<Job, 'drain' | 'kill'>, killAfterMs?: number): Promise<LifeEnd> {
  const whole: Job = {
    pipeline: PIPELINE,
    connections: { kafka: scene.kafka, postgres: scene.postgres },
    dataDirectory: join(scene.directory, 'data'),
    ...job,
  }
  return liveOnce(whole, scene.directory, killAfterMs)
}
