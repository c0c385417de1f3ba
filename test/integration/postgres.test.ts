import { adapters } from '@headrace/adapters'
import type { Field, Sink, SinkContext } from '@headrace/core'
import { describeSink, type ReadRow, SINK_TEST_ID, type SinkHarness, type SinkTarget } from '@headrace/core/testing'
import { afterAll, beforeAll } from 'vitest'
import { CommitCutter, CUT_POINTS, type CutPoint } from './support/commit-cutter.ts'
import { type TestDatabase, TestPostgres } from './support/postgres-databases.ts'

let server: TestPostgres

beforeAll(async () => {
  server = await TestPostgres.start()
})
afterAll(() => server.stop())

const definition = adapters.find((adapter) => adapter.name === 'postgres')!.sink!
const { createSink } = await definition.load()

function contextFor(url: string): SinkContext {
  const { pipeline, sink } = SINK_TEST_ID
  return { pipeline, name: sink, lakeDirectory: '/nowhere', connection: { url }, log: () => undefined }
}

/** A sink whose connections go through a proxy that cuts them. */
function cutSink(config: unknown, url: string, point: CutPoint): Sink {
  const { host, port } = server.service
  let cutter: CommitCutter | undefined
  let sink: Sink | undefined
  return {
    connect: async (signal) => {
      cutter = await CommitCutter.start({ host, port }, point)
      sink = createSink(config as never, contextFor(url.replace(`:${port}/`, `:${cutter.port}/`)))
      await sink.connect(signal)
    },
    publish: async (batch, signal) => sink?.publish(batch, signal),
    close: async () => {
      await sink?.close()
      await cutter?.close()
    },
  }
}

async function readRows(database: TestDatabase, columns: readonly Field[]): Promise<readonly ReadRow[]> {
  const there = await database.query<{ there: boolean }>("SELECT to_regclass('rows') IS NOT NULL AS there")
  if (there[0]?.there !== true) return []
  const list = columns.map(({ name, type }) => (type === 'BLOB' ? `"${name}"` : `"${name}"::text`))
  return database.query<ReadRow & Record<string, never>>(`SELECT ${list.join(', ')} FROM rows`)
}

function harness(config: Record<string, unknown>): SinkHarness {
  const full = { connection: 'warehouse', table: 'rows', createTable: true, ...config }
  return {
    delivery: 'exactly-once',
    crashPoints: CUT_POINTS,
    refused: {
      query: `SELECT range::INTEGER AS id, CASE WHEN range IN (3, 700) THEN 'a' || chr(0) ELSE 'b' END AS text FROM range(1000)`,
      rows: [3, 700],
    },
    target: async (): Promise<SinkTarget> => {
      const database = await server.createDatabase()
      return {
        staging: definition.staging(full as never, contextFor(database.url)),
        open: (crashAt) =>
          crashAt === undefined
            ? createSink(full as never, contextFor(database.url))
            : cutSink(full, database.url, crashAt as CutPoint),
        read: (columns) => readRows(database, columns),
        close: () => database.drop(),
      }
    },
  }
}

describeSink('postgres, adding rows', harness({}))
describeSink('postgres, by key', harness({ key: ['id'] }))
