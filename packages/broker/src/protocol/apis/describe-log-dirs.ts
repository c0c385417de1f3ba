import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, int16, int32, int64, string, structs } from '../schema.ts'

export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [0, 4],
  flexibleFrom: 2,
  request: {
    topics: nullable(structs({ topic: string(), partitions: arrayOf(int32()) })),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ from: 3, default: 0 }),
    results: structs({
      errorCode: int16(),
      logDir: string(),
      topics: structs({
        name: string(),
        partitions: structs({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: boolean(),
        }),
      }),
      totalBytes: int64({ from: 4, default: -1 }),
      usableBytes: int64({ from: 4, default: -1 }),
    }),
  },
})
