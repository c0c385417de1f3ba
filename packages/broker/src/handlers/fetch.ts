import { LEADER_EPOCH } from '../cluster/cluster.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import {
  BatchHeader,
  ERROR,
  fetch,
  forEachBatch,
  KafkaError,
  READ_COMMITTED,
  type RequestOf,
  type ResponseOf,
} from '../protocol/index.ts'
import { type Handler, handlerOf, type RequestContext } from '../server/dispatcher.ts'
import type { ResponseLease } from '../server/memory.ts'
import { answerOf, type Services } from './services.ts'

type FetchRequest = RequestOf<typeof fetch>
type PartitionAnswer = ResponseOf<typeof fetch>['responses'][number]['partitions'][number]

/** One partition of a request, found or known not to be there. */
interface Wanted {
  readonly asked: FetchRequest['topics'][number]['partitions'][number]
  readonly log: PartitionLog | undefined
  /** What is answered where there is no log. */
  readonly missing: 'UNKNOWN_TOPIC_ID' | 'UNKNOWN_TOPIC_OR_PARTITION'
}

interface WantedTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly Wanted[]
}

/** What a pass over all partitions has brought. */
interface Collected {
  readonly responses: ResponseOf<typeof fetch>['responses']
  readonly bytes: number
  readonly hasError: boolean
}

const NO_RECORDS = Buffer.alloc(0)

/**
 * Answers with what is there, or waits for `minBytes` up to `maxWaitMs`. Sessions are not kept: a session id of 0 tells the client to name
 * its partitions every time.
 */
export function fetchHandler({ topics }: Services): Handler {
  return handlerOf(fetch, async (request, context) => {
    if (request.sessionId !== 0) return { errorCode: ERROR.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0, responses: [] }
    const wanted = request.topics.map((topic) => findTopic(topic, context.version))
    // From here on, so that nothing that is appended while the logs are read goes unnoticed.
    const logs = wanted.flatMap(({ partitions }) => partitions.flatMap(({ log }) => log ?? []))
    using arrivals = new Arrivals(logs, request.isolationLevel === READ_COMMITTED)
    const deadline = performance.now() + request.maxWaitMs
    for (;;) {
      arrivals.countAnew()
      // What an earlier pass has read is not sent.
      context.memory.release()
      context.memory.recycle()
      const { responses, bytes, hasError } = await collect(wanted, request, context)
      const leftMs = deadline - performance.now()
      const isEnough = hasError || bytes >= request.minBytes || logs.length === 0
      if (isEnough || leftMs <= 0 || context.signal.aborted) return { responses }
      await arrivals.reach(request.minBytes - bytes, leftMs, context.signal)
    }
  })

  function findTopic(asked: FetchRequest['topics'][number], version: RequestContext['version']): WantedTopic {
    const byId = version >= 13
    const topic = byId ? topics.byId(asked.topicId) : topics.get(asked.topic)
    const missing = byId && topic === undefined ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'
    const partitions = asked.partitions.map((partition) => ({
      asked: partition,
      log: topic?.partitions[partition.partition],
      missing: missing as Wanted['missing'],
    }))
    return { topic: asked.topic, topicId: asked.topicId, partitions }
  }
}

/** Reads the partitions one after the other, in the client's order, until `maxBytes` are used up. */
async function collect(
  wanted: readonly WantedTopic[],
  request: FetchRequest,
  { memory }: Pick<RequestContext, 'memory'>,
): Promise<Collected> {
  const responses: { topic: string; topicId: string; partitions: PartitionAnswer[] }[] = []
  let bytes = 0
  let hasError = false
  for (const { topic, topicId, partitions } of wanted) {
    const answers: PartitionAnswer[] = []
    for (const partition of partitions) {
      const { records, ...answer } = await read(partition, request, memory, request.maxBytes - bytes, bytes === 0)
      bytes += records.length
      hasError ||= answer.errorCode !== ERROR.NONE
      answers.push({ ...answer, records })
    }
    responses.push({ topic, topicId, partitions: answers })
  }
  return { responses, bytes, hasError }
}

/** Reads one partition within what is left of the response; its first batch however large, if the response has nothing else yet. */
async function read(
  { asked, log, missing }: Wanted,
  { isolationLevel }: FetchRequest,
  memory: ResponseLease,
  bytesLeft: number,
  isFirst: boolean,
): Promise<PartitionAnswer & { readonly records: Buffer }> {
  const partitionIndex = asked.partition
  try {
    if (log === undefined) throw new KafkaError(missing, `there is no partition ${partitionIndex}`)
    if (asked.currentLeaderEpoch > LEADER_EPOCH)
      throw new KafkaError('UNKNOWN_LEADER_EPOCH', `leader epoch ${asked.currentLeaderEpoch} is not known`)
    const maxBytes = memory.reserve(Math.min(asked.partitionMaxBytes, bytesLeft))
    const isCommitted = isolationLevel === READ_COMMITTED
    // Taken before the read: what is decided while it goes on may lie beyond what it brings.
    const { endOffset: highWatermark, lastStableOffset } = log
    const upTo = isCommitted ? lastStableOffset : highWatermark
    const records =
      maxBytes > 0 || isFirst ? await log.read(asked.fetchOffset, maxBytes, isFirst, upTo, memory.take) : NO_RECORDS
    memory.settle(maxBytes, records.length)
    return {
      partitionIndex,
      errorCode: ERROR.NONE,
      highWatermark,
      lastStableOffset,
      logStartOffset: log.startOffset,
      abortedTransactions: isCommitted ? abortedIn(records, log) : null,
      records,
    }
  } catch (error) {
    const { errorCode } = answerOf(error)
    const highWatermark = log?.endOffset ?? -1
    return {
      partitionIndex,
      errorCode,
      highWatermark,
      logStartOffset: log?.startOffset ?? -1,
      abortedTransactions: null,
      records: NO_RECORDS,
    }
  }
}

/** The aborted transactions that have records among these batches. */
function abortedIn(records: Buffer, log: PartitionLog): PartitionAnswer['abortedTransactions'] {
  if (records.length === 0) return []
  let end = 0
  forEachBatch(records, ({ lastOffset }) => {
    end = lastOffset + 1
  })
  const { baseOffset } = new BatchHeader().at(records, 0)
  return log.abortedWithin(baseOffset, end).map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
}

/** Counts the bytes that come into some logs. For readers of committed records whatever moves a last stable offset counts as enough. */
class Arrivals {
  readonly #stops: readonly (() => void)[]
  #bytes = 0
  #notify: () => void = () => {}

  constructor(logs: readonly PartitionLog[], committedOnly: boolean) {
    this.#stops = logs.map((log) => {
      let stable = log.lastStableOffset
      return log.onAppend((bytes) => {
        const hasMoved = log.lastStableOffset > stable
        stable = log.lastStableOffset
        // A log that is deleted tells of infinitely many.
        if (committedOnly) this.#bytes += hasMoved || bytes === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : 0
        else this.#bytes += bytes
        this.#notify()
      })
    })
  }

  countAnew(): void {
    this.#bytes = 0
  }

  /** Resolves when `bytes` have come, after `maxWaitMs`, or when the client is gone. */
  async reach(bytes: number, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timeout = setTimeout(resolve, maxWaitMs)
    const stop = () => resolve()
    signal.addEventListener('abort', stop)
    this.#notify = () => {
      if (this.#bytes >= bytes) resolve()
    }
    this.#notify()
    await promise
    clearTimeout(timeout)
    signal.removeEventListener('abort', stop)
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop()
  }
}
