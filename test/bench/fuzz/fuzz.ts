import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type AttackTally, attack } from './attacker.ts'
import { HealthyClient } from './healthy-client.ts'
import { Random } from './random.ts'

export interface FuzzOptions {
  readonly host: string
  readonly port: number
  /** Requests with their sizes in front, to be mutated. */
  readonly corpus: readonly Buffer[]
  readonly seed: number
  /** It ends with the first of these. */
  readonly maxFrames: number
  readonly maxMs: number
  /** Connections that attack side by side. */
  readonly attackers?: number
  /** How often the healthy client writes, in ms. */
  readonly beatMs?: number
  /** Called with each beat. */
  readonly onBeat?: () => unknown
}

export interface FuzzSummary extends AttackTally {
  readonly seed: number
  readonly seconds: number
  /** Messages that a client wrote in the midst of it, each acknowledged. */
  readonly healthyMessages: number
  readonly healthySlowestMs: number
  /** Whether they are all there afterwards, once and in order. */
  readonly healthyIntact: boolean
}

/** Mutated requests from many connections, and a healthy client in the midst of them. Rejects when that one is not served. */
export async function fuzz(options: FuzzOptions): Promise<FuzzSummary> {
  const { host, port, corpus, seed, maxFrames, maxMs, attackers = 16, beatMs = 100, onBeat = () => undefined } = options
  const startedAt = performance.now()
  const tally: AttackTally = { framesSent: 0, survived: 0, closed: 0, abandoned: 0 }
  const healthy = new HealthyClient(`${host}:${port}`, `healthy-${randomUUID()}`)
  await healthy.begin()
  let hasFailed = false
  const isOver = () => hasFailed || tally.framesSent >= maxFrames || performance.now() - startedAt > maxMs
  const attacking = Array.from({ length: attackers }, (_, index) =>
    attack({ host, port }, corpus, new Random(seed * 1000 + index), tally, isOver),
  )
  try {
    while (!isOver()) {
      await healthy.write()
      await onBeat()
      await delay(beatMs)
    }
  } finally {
    hasFailed = true
    await Promise.all(attacking)
  }
  const healthyIntact = await healthy.verify()
  await healthy.end()
  return {
    seed,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    ...tally,
    healthyMessages: healthy.sent,
    healthySlowestMs: Math.round(healthy.slowestMs),
    healthyIntact,
  }
}
