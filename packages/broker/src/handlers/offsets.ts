import { LEADER_EPOCH } from '../cluster/cluster.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { TimedOffset } from '../log/timestamp-search.ts'
import { ERROR, KafkaError, listOffsets, OFFSET_SPEC, offsetForLeaderEpoch, READ_COMMITTED } from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { answerOf, type Services } from './services.ts'

const NOT_FOUND: TimedOffset = { offset: -1, timestamp: -1 }

export function listOffsetsHandler({ topics }: Services): Handler {
  return handlerOf(listOffsets, async (request) => ({
    topics: await Promise.all(
      request.topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(({ partitionIndex, timestamp, currentLeaderEpoch }) =>
            answer(name, partitionIndex, timestamp, currentLeaderEpoch, request.isolationLevel === READ_COMMITTED),
          ),
        ),
      })),
    ),
  }))

  async function answer(
    name: string,
    partitionIndex: number,
    spec: number,
    currentLeaderEpoch: number,
    committedOnly: boolean,
  ) {
    try {
      const log = topics.partition(name, partitionIndex)
      if (log === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `no partition ${partitionIndex}`)
      assertLeaderEpoch(currentLeaderEpoch)
      const { offset, timestamp } =
        (await find(log, spec, committedOnly ? log.lastStableOffset : log.endOffset)) ?? NOT_FOUND
      return { partitionIndex, errorCode: ERROR.NONE, offset, timestamp, leaderEpoch: offset < 0 ? -1 : LEADER_EPOCH }
    } catch (error) {
      return { partitionIndex, errorCode: answerOf(error).errorCode }
    }
  }
}

/** The offset that a timestamp, or a special value in its place, stands for; what lies at `upTo` or beyond is not there. */
async function find(log: PartitionLog, spec: number, upTo: number): Promise<TimedOffset | undefined> {
  switch (spec) {
    case OFFSET_SPEC.latest:
      return { offset: upTo, timestamp: -1 }
    case OFFSET_SPEC.earliest:
    case OFFSET_SPEC.earliestLocal:
      return { offset: log.startOffset, timestamp: -1 }
    case OFFSET_SPEC.latestTiered:
      return undefined
    default: {
      const found = await (spec === OFFSET_SPEC.maxTimestamp ? log.offsetOfMaxTimestamp() : log.offsetAtTime(spec))
      return found && found.offset < upTo ? found : undefined
    }
  }
}

export function offsetForLeaderEpochHandler({ topics }: Services): Handler {
  return handlerOf(offsetForLeaderEpoch, (request) => ({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
        try {
          const log = topics.partition(topic, partition)
          if (log === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `no partition ${partition}`)
          assertLeaderEpoch(currentLeaderEpoch)
          return leaderEpoch === LEADER_EPOCH
            ? { partition, errorCode: ERROR.NONE, leaderEpoch, endOffset: log.endOffset }
            : { partition, errorCode: ERROR.NONE }
        } catch (error) {
          return { partition, errorCode: answerOf(error).errorCode }
        }
      }),
    })),
  }))
}

function assertLeaderEpoch(currentLeaderEpoch: number): void {
  if (currentLeaderEpoch > LEADER_EPOCH)
    throw new KafkaError('UNKNOWN_LEADER_EPOCH', `leader epoch ${currentLeaderEpoch} is not known`)
}
