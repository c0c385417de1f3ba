import { appendFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Field, type ManifestEntry, openLake, type Sink } from '@headrace/core'
import { BatchStager, Database, describeSink, readLake, SINK_TEST_ID, type SinkTarget } from '@headrace/core/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ParquetConfig, partitionsOf, stagingOf } from './config.ts'
import type { Partition } from './partitions.ts'
import { LARGE_FRAGMENT_BYTES } from './plan-publication.ts'
import { ParquetSink, type PublishStep } from './sink.ts'

const MANIFEST = '_headrace/conformance.under_test.manifest.ndjson'

/** Half of a manifest line reached the disk. */
const TORN = 'listing'
const STEPS: readonly PublishStep[] = ['announced', 'merged', 'placed', 'all placed', 'listed']

function sinkIn(root: string, partitions: readonly Partition[], crashAt?: string): Sink {
  return new ParquetSink({
    root,
    pipeline: SINK_TEST_ID.pipeline,
    name: SINK_TEST_ID.sink,
    partitions,
    compression: 'snappy',
    onStep: (step) => {
      if (crashAt === TORN && step === 'all placed') appendFileSync(join(root, MANIFEST), '{"version":1,"incarn')
      if (step === (crashAt === TORN ? 'all placed' : crashAt)) throw new Error(`killed at ${step}`)
    },
  })
}

async function target(partitions: readonly Partition[]): Promise<SinkTarget> {
  const lakeDirectory = await mkdtemp(join(tmpdir(), 'parquet-sink-'))
  const root = join(lakeDirectory, 'd')
  const partitionBy = partitions.map(({ name, expression }) => ({ name, expression }))
  return {
    staging: { ...stagingOf({ dataset: 'd', compression: 'snappy' }, { lakeDirectory }), partitionBy },
    open: (crashAt) => sinkIn(root, partitions, crashAt),
    read: (columns) => readLake(lakeDirectory, 'd', columns, { pending: false }),
    close: () => rm(lakeDirectory, { recursive: true, force: true }),
  }
}

const harness = { delivery: 'exactly-once' as const, crashPoints: [...STEPS, TORN] }
const THIRDS: Partition = { name: 'third', column: 'id', expression: 'id % 3', type: 'INTEGER' }

describeSink('parquet: one file', { ...harness, target: () => target([]) })
describeSink('parquet: partitioned', { ...harness, target: () => target([THIRDS]) })

describe('a dataset', () => {
  let lakeDirectory: string
  let stager: BatchStager
  let closeDatabase: () => void
  let root: string

  beforeAll(async () => {
    const database = await Database.open(undefined, { threads: 1 })
    closeDatabase = () => database.close()
    stager = new BatchStager(database, tmpdir())
  })
  afterAll(() => closeDatabase())
  beforeEach(async () => {
    lakeDirectory = await mkdtemp(join(tmpdir(), 'parquet-dataset-'))
    root = join(lakeDirectory, 'd')
  })
  afterEach(() => rm(lakeDirectory, { recursive: true, force: true }))

  const signal = new AbortController().signal

  async function connect(config: ParquetConfig): Promise<Sink> {
    const sink = sinkIn(root, partitionsOf(config))
    await sink.connect(signal)
    return sink
  }

  async function stage(config: ParquetConfig, sequence: number, fragments: readonly string[]) {
    const columns: Field[] = await stager.describe(fragments[0] as string)
    return stager.stage({ ...SINK_TEST_ID, sequence }, stagingOf(config, { lakeDirectory }), columns, fragments)
  }

  async function filesBelow(folder: string): Promise<string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    return files.map((file) => join(file.parentPath, file.name).slice(folder.length + 1)).sort()
  }

  async function lakeRows(sql: string, pending = false) {
    const result = await openLake(lakeDirectory, { pending }).query(sql)
    const rows = []
    for await (const chunk of result.chunks()) rows.push(...chunk)
    result.close()
    return rows
  }

  it('has one file per partition, named after the batch, and a manifest line that lists them', async () => {
    const config: ParquetConfig = { dataset: 'd', compression: 'zstd', partitionBy: ['day(seen)', 'uno'] }
    const sink = await connect(config)
    const rows = (day: string, uno: string): string =>
      `SELECT TIMESTAMP '${day} 10:00:00' AS seen, ${uno} AS uno, 1.5::DOUBLE AS x`
    const fragment = `${rows('2026-11-20', "'a b'")} UNION ALL ${rows('2026-11-21', 'NULL')} UNION ALL ${rows('2026-11-21', "''")}`
    await sink.publish(await stage(config, 1, [fragment, fragment]), signal)
    await sink.close()
    const name = 'conformance-under_test-a1b2c3d4-1.parquet'
    const expected = [
      `day=2026-11-20/uno=a%20b/${name}`,
      `day=2026-11-21/uno=/${name}`,
      `day=2026-11-21/uno=__HIVE_DEFAULT_PARTITION__/${name}`,
    ]
    expect((await filesBelow(root)).filter((path) => path.startsWith('day='))).toEqual(expected)
    const [line, ...rest] = (await readFile(join(root, MANIFEST), 'utf8')).trimEnd().split('\n')
    expect(rest).toEqual([])
    const entry = JSON.parse(line as string) as ManifestEntry
    expect(entry).toMatchObject({ incarnation: SINK_TEST_ID.incarnation, sequence: 1, rows: 6 })
    expect(entry.partitionBy).toEqual([
      { name: 'day', type: 'DATE' },
      { name: 'uno', type: 'VARCHAR' },
    ])
    expect(entry.files.map((file) => file.path).sort()).toEqual(expected)
    for (const file of entry.files)
      expect(file).toMatchObject({ rows: 2, bytes: (await stat(join(root, file.path))).size })
    expect(
      await lakeRows('SELECT seen, uno, x, day, count(*) FROM d GROUP BY ALL ORDER BY day, uno NULLS LAST'),
    ).toEqual([
      ['2026-11-20 10:00:00', 'a b', 1.5, '2026-11-20', '2'],
      ['2026-11-21 10:00:00', '', 1.5, '2026-11-21', '2'],
      ['2026-11-21 10:00:00', null, 1.5, '2026-11-21', '2'],
    ])
  })

  it('takes a large fragment as it is and merges small ones', async () => {
    const config: ParquetConfig = { dataset: 'd', compression: 'uncompressed' }
    const sink = await connect(config)
    const small = 'SELECT range AS n FROM range(10)'
    const batch = await stage(config, 1, [small, 'SELECT (range * 7919) % 1000000007 AS n FROM range(1000000)', small])
    const large = batch.files[1]!
    expect(large.bytes).toBeGreaterThan(LARGE_FRAGMENT_BYTES)
    const { ino } = await stat(large.path)
    await sink.publish(batch, signal)
    await sink.close()
    const stem = join(root, 'conformance-under_test-a1b2c3d4-1')
    expect((await stat(`${stem}-2.parquet`)).ino).toBe(ino)
    expect(await lakeRows('SELECT count(*) FROM d')).toEqual([['1000020']])
    expect(await filesBelow(root)).toHaveLength(2 + 2 + 2) // two data files, manifest and pending list, the merged fragments
  })

  it('can be queried as soon as rows are committed, and never twice', async () => {
    const config: ParquetConfig = { dataset: 'd', compression: 'snappy' }
    const sink = await connect(config)
    const one = await stage(config, 1, ['SELECT 1 AS n', 'SELECT 2 AS n'])
    const two = await stage(config, 2, ['SELECT 3 AS n'])
    const all = 'SELECT n FROM d ORDER BY n'
    await sink.pending?.([one])
    expect(await lakeRows(all, true)).toEqual([[1], [2]])
    await sink.pending?.([one, two])
    expect(await lakeRows(all, true)).toEqual([[1], [2], [3]])
    await sink.publish(one, signal)
    expect(await lakeRows(all, true)).toEqual([[1], [2], [3]])
    expect(await lakeRows(all, false)).toEqual([[1], [2]])
    await sink.publish(two, signal)
    await sink.pending?.([])
    expect(await lakeRows(all, true)).toEqual([[1], [2], [3]])
    await sink.close()
  })

  it('shows whole batches, each once, to queries that run while it is being written', async () => {
    const config: ParquetConfig = { dataset: 'd', compression: 'snappy' }
    const sink = await connect(config)
    let committed = 0
    const write = async (): Promise<void> => {
      for (let sequence = 1; sequence <= 25; sequence++) {
        // One fragment is renamed, three are merged; afterwards the engine removes what is left of them.
        const queries = Array.from(
          { length: sequence % 2 === 0 ? 1 : 3 },
          (_, n) => `SELECT ${sequence} AS batch, ${n} AS n FROM range(6)`,
        )
        const batch = await stage(config, sequence, queries)
        await sink.pending?.([batch])
        committed = sequence
        await sink.publish(batch, signal)
        for (const file of batch.files) await rm(file.path, { force: true })
      }
    }
    let done = false
    const written = write().finally(() => {
      done = true
    })
    let queries = 0
    while (!done) {
      const before = committed
      if (before === 0) {
        await setImmediate()
        continue
      }
      const seen = await lakeRows('SELECT batch, count(*) FROM d GROUP BY batch ORDER BY batch', true)
      expect(seen).toEqual(seen.map((_, n) => [n + 1, n % 2 === 0 ? '18' : '6']))
      expect(seen.length).toBeGreaterThanOrEqual(before)
      queries++
    }
    await written
    await sink.close()
    expect(queries).toBeGreaterThan(3)
    expect(await lakeRows('SELECT count(DISTINCT batch) FROM d')).toEqual([['25']])
  })

  it('loses merged files that a kill left behind, and nobody else’s', async () => {
    const config: ParquetConfig = { dataset: 'd', compression: 'snappy' }
    await (await connect(config)).close()
    const staging = join(root, '_headrace/staging')
    const others = ['merge-conformance.under_test2@x.parquet', 'staged-conformance.under_test.a1.7.parquet']
    for (const name of [...others, 'merge-conformance.under_test@x.parquet']) await writeFile(join(staging, name), '')
    await (await connect(config)).close()
    expect(await readdir(staging)).toEqual(others)
  })

  it('is refused where a file stands in its way', async () => {
    await writeFile(root, '')
    await expect(connect({ dataset: 'd', compression: 'snappy' })).rejects.toMatchObject({
      code: 'SINK_FOLDER_NOT_WRITABLE',
      fault: 'user',
    })
  })

  it('is refused when its manifest is damaged beyond its last line', async () => {
    await (await connect({ dataset: 'd', compression: 'snappy' })).close()
    await writeFile(join(root, MANIFEST), 'nonsense\nmore nonsense\n')
    await expect(connect({ dataset: 'd', compression: 'snappy' })).rejects.toMatchObject({
      code: 'PARQUET_MANIFEST_DAMAGED',
    })
  })

  it('notices that a staged file was changed', async () => {
    const config: ParquetConfig = { dataset: 'd', compression: 'snappy' }
    const sink = await connect(config)
    const batch = await stage(config, 1, ['SELECT 1 AS n'])
    appendFileSync(batch.files[0]!.path, 'x')
    await expect(sink.publish(batch, signal)).rejects.toMatchObject({ code: 'BATCH_UNREADABLE' })
    await sink.close()
  })
})
