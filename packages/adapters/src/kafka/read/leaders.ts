import { setTimeout as sleep } from 'node:timers/promises'
import type { HeadraceError, LogLine } from '@headrace/core'
import { BrokerConnection } from '../client/broker-connection.ts'
import type { KafkaClient } from '../client/client.ts'
import { describePlaces, isAnother, type Layout } from '../client/layout.ts'
import { BROKER_AWAY_MS, CLUSTER_AWAY_MS, Patience, type Pause } from '../client/patience.ts'
import { ResponseBufferPool } from '../client/response-receiver.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import { translateKafkaError } from '../client/translate.ts'
import type { KafkaConnection } from '../config.ts'
import { LeaderChangedError } from '../errors.ts'
import { type FetchedResponse, FetchLoop, RESPONSE_BYTES } from './fetch-loop.ts'
import type { PartitionCursor } from './partition-cursor.ts'
import type { ReadAhead } from './read-ahead.ts'

/** A response also holds what lies around its records. */
const RESPONSE_OVERHEAD_BYTES = 64 * 1024

interface LeadersOptions {
  readonly connection: KafkaConnection
  readonly client: KafkaClient
  readonly fetchVersion: number
  readonly readCommitted: boolean
  /** Closes all connections. */
  readonly signal: AbortSignal
  readonly log: (line: LogLine) => void
  /** Looks at the cluster again. Errors are translated. */
  look(): Promise<Layout>
  /** Goes on with partitions whose leaders have been found, if what was read is what they have. Errors are translated. */
  readOn(cursors: readonly PartitionCursor[]): Promise<void>
}

/**
 * Fetches partitions from the brokers that lead them. Where a broker goes away or a leader moves, its partitions alone wait,
 * until the cluster names a leader that answers.
 */
export class Leaders<Other> {
  readonly #options: LeadersOptions
  readonly #ahead: ReadAhead<FetchedResponse | Other>
  readonly #buffers = new ResponseBufferPool(RESPONSE_BYTES + RESPONSE_OVERHEAD_BYTES)
  readonly #loops = new Map<string, FetchLoop>()

  constructor(options: LeadersOptions, ahead: ReadAhead<FetchedResponse | Other>) {
    this.#options = options
    this.#ahead = ahead
  }

  /** Fetches these too. */
  read(cursors: readonly PartitionCursor[]): void {
    for (const led of Map.groupBy(cursors, ({ place }) => keyOf(place.leader)).values()) {
      const leader = led[0]?.place.leader
      if (leader !== undefined) this.#loopOf(leader).add(led)
      else
        this.seek(
          led,
          new LeaderChangedError({
            partition: describePlaces(led.map(({ place }) => place)),
            reason: 'LEADER_NOT_AVAILABLE',
          }),
        )
    }
  }

  /** Finds the leader of these, which are not fetched any more, and reads on. `failure`: what the last one's was. */
  seek(cursors: readonly PartitionCursor[], failure: HeadraceError): void {
    this.#seek(cursors, failure).catch((error: unknown) => this.#ahead.fail(error))
  }

  async #seek(cursors: readonly PartitionCursor[], failure: HeadraceError): Promise<void> {
    const { signal, look, readOn, client } = this.#options
    const whole = new Patience()
    let waiting = cursors
    let problem = failure
    let isClusterAway = false
    for (;;) {
      waiting = waiting.filter(({ isGivenUp }) => !isGivenUp)
      if (waiting.length === 0 || signal.aborted) return
      const pauses = waiting.map(({ patience }) => patience.failed(BROKER_AWAY_MS))
      if (isClusterAway) pauses.push(whole.failed(CLUSTER_AWAY_MS))
      const pause = problem.retry === 'backoff' ? longest(pauses) : undefined
      if (pause === undefined) throw problem
      this.#tell(waiting, problem, pause)
      await sleep(pause.ms, undefined, { signal }).catch(() => undefined)
      isClusterAway = true
      try {
        const layout = await look()
        isClusterAway = false
        whole.worked()
        const led = waiting.filter((cursor) => this.#find(cursor, layout))
        await readOn(led.filter(({ isGivenUp }) => !isGivenUp))
        waiting = waiting.filter((cursor) => !led.includes(cursor))
      } catch (error) {
        problem = client.translate(error, `find the leader of ${describePlaces(waiting.map(({ place }) => place))}`)
      }
    }
  }

  /** Whether the partition has a leader, as far as can be seen; a picture that is older than what is known does not count. */
  #find(cursor: PartitionCursor, layout: Layout): boolean {
    const { topic, topicId, index, leaderEpoch } = cursor.place
    const found = layout.get(topic)?.partitions[index]
    if (found?.leader === undefined || isAnother(found.topicId, topicId)) return false
    if (found.leaderEpoch >= 0 && found.leaderEpoch < leaderEpoch) return false
    cursor.place = found
    return true
  }

  #loopOf(leader: BrokerAddress): FetchLoop {
    const key = keyOf(leader)
    const running = this.#loops.get(key)
    if (running !== undefined) return running
    const { connection, signal, fetchVersion: version, readCommitted, log } = this.#options
    const worksAgain = (cursors: readonly PartitionCursor[]) => {
      const names = describePlaces(cursors.map(({ place }) => place))
      log({ level: 'info', message: `${names}: read on, from ${key}` })
    }
    const loop = new FetchLoop({ version, readCommitted, worksAgain }, this.#ahead)
    this.#loops.set(key, loop)
    const broker = new BrokerConnection(connection, this.#buffers)
    const close = () => broker.close()
    signal.addEventListener('abort', close, { once: true })
    const run = async () => {
      await broker.open(leader)
      await loop.run(broker, signal)
    }
    run()
      .catch((error: unknown) => {
        broker.close()
        this.#loops.delete(key)
        if (!signal.aborted)
          this.seek(loop.cursors, translateKafkaError(error, { bootstrap: key, operation: `read from ${key}` }))
      })
      .finally(() => signal.removeEventListener('abort', close))
    return loop
  }

  #tell(waiting: readonly PartitionCursor[], { code, message }: HeadraceError, pause: Pause): void {
    if (!pause.isWorthTelling) return
    const names = describePlaces(waiting.map(({ place }) => place))
    const attempts = Math.max(...waiting.map(({ patience }) => patience.failures))
    const next = `attempt ${attempts}; the next in ${(pause.ms / 1000).toFixed(1)} s`
    this.#options.log({ level: 'warn', code, message: `${names} must wait: ${message} (${next})` })
  }
}

function keyOf(address: BrokerAddress | undefined): string {
  return address === undefined ? '' : `${address.host}:${address.port}`
}

/** Undefined where one of them is. */
function longest(pauses: readonly (Pause | undefined)[]): Pause | undefined {
  const known = pauses.filter((pause) => pause !== undefined)
  return known.length < pauses.length ? undefined : known.toSorted((a, b) => b.ms - a.ms)[0]
}
