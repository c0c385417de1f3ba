import { LEADER_EPOCH } from '../cluster/cluster.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ERROR, fetch, KafkaError, READ_COMMITTED, type RequestOf, type ResponseOf } from '../protocol/index.ts'
import { type Handler, handlerOf, type RequestContext } from '../server/dispatcher.ts'
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
    using arrivals = new Arrivals(logs)
    const first = await collect(wanted, request)
    const isEnough = first.hasError || first.bytes >= request.minBytes || logs.length === 0
    if (isEnough || request.maxWaitMs <= 0) return { responses: first.responses }
    await arrivals.reach(request.minBytes - first.bytes, request.maxWaitMs, context.signal)
    return { responses: (await collect(wanted, request)).responses }
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
async function collect(wanted: readonly WantedTopic[], request: FetchRequest): Promise<Collected> {
  const responses: { topic: string; topicId: string; partitions: PartitionAnswer[] }[] = []
  let bytes = 0
  let hasError = false
  for (const { topic, topicId, partitions } of wanted) {
    const answers: PartitionAnswer[] = []
    for (const partition of partitions) {
      const { records, ...answer } = await read(partition, request, request.maxBytes - bytes, bytes === 0)
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
  bytesLeft: number,
  isFirst: boolean,
): Promise<PartitionAnswer & { readonly records: Buffer }> {
  const partitionIndex = asked.partition
  try {
    if (log === undefined) throw new KafkaError(missing, `there is no partition ${partitionIndex}`)
    if (asked.currentLeaderEpoch > LEADER_EPOCH)
      throw new KafkaError('UNKNOWN_LEADER_EPOCH', `leader epoch ${asked.currentLeaderEpoch} is not known`)
    const maxBytes = Math.min(asked.partitionMaxBytes, bytesLeft)
    const records =
      maxBytes > 0 || isFirst ? await log.read(asked.fetchOffset, Math.max(maxBytes, 0), isFirst) : NO_RECORDS
    return {
      partitionIndex,
      errorCode: ERROR.NONE,
      highWatermark: log.endOffset,
      lastStableOffset: log.endOffset,
      logStartOffset: log.startOffset,
      abortedTransactions: isolationLevel === READ_COMMITTED ? [] : null,
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

/** Counts the bytes that come into some logs from its making on. */
class Arrivals {
  readonly #stops: readonly (() => void)[]
  #bytes = 0
  #notify: () => void = () => {}

  constructor(logs: readonly PartitionLog[]) {
    this.#stops = logs.map((log) =>
      log.onAppend((bytes) => {
        this.#bytes += bytes
        this.#notify()
      }),
    )
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
