import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adapters } from '@headrace/adapters'
import { describeSink, readLake, SINK_TEST_ID } from '@headrace/core/testing'

const parquet = adapters.find((adapter) => adapter.name === 'parquet')?.sink
if (parquet === undefined) throw new Error('the adapter "parquet" is not listed')
const { createSink } = await parquet.load()

const config = { dataset: 'results', compression: 'zstd', partitionBy: [] }

describeSink('parquet', {
  delivery: parquet.delivery,
  async target() {
    const lakeDirectory = await mkdtemp(join(tmpdir(), 'parquet-conformance-'))
    const context = { pipeline: SINK_TEST_ID.pipeline, name: SINK_TEST_ID.sink, lakeDirectory }
    return {
      staging: parquet.staging(config, context),
      open: () => createSink(config, { ...context, connection: undefined, log: () => undefined }),
      read: (columns) => readLake(lakeDirectory, 'results', columns, { pending: false }),
      close: () => rm(lakeDirectory, { recursive: true, force: true }),
    }
  },
})
