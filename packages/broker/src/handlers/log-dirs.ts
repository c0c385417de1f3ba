import { statfs } from 'node:fs/promises'
import { describeLogDirs, ERROR, type RequestOf } from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import type { Services } from './services.ts'

type Asked = RequestOf<typeof describeLogDirs>['topics']

/** The one folder that there is, with the partitions asked for that exist. */
export function describeLogDirsHandler({ topics }: Services): Handler {
  return handlerOf(describeLogDirs, async (request) => {
    const { bsize, blocks, bavail } = await statfs(topics.dataDir)
    const found = topicsOf(request.topics)
    return {
      results: [
        {
          errorCode: ERROR.NONE,
          logDir: topics.dataDir,
          topics: found.filter(({ partitions }) => partitions.length > 0),
          totalBytes: bsize * blocks,
          usableBytes: bsize * bavail,
        },
      ],
    }
  })

  function topicsOf(asked: Asked) {
    if (asked === null) return topics.list().map(({ name, partitions }) => sizesOf(name, [...partitions.keys()]))
    return asked.map(({ topic, partitions }) => sizesOf(topic, partitions))
  }

  function sizesOf(name: string, indexes: readonly number[]) {
    const partitions = indexes.flatMap((partitionIndex) => {
      const log = topics.partition(name, partitionIndex)
      return log ? [{ partitionIndex, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false }] : []
    })
    return { name, partitions }
  }
}
