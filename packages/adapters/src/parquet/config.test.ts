import type { Field } from '@headrace/core'
import { describe, expect, it } from 'vitest'
import { checkSink, type ParquetConfig, rootOf, stagingOf } from './config.ts'
import { parsePartition } from './partitions.ts'

const COLUMNS: Field[] = [
  { name: 'window_start', type: 'TIMESTAMP' },
  { name: 'uno', type: 'VARCHAR' },
  { name: 'items', type: 'BIGINT[]' },
  { name: 'year', type: 'INTEGER' },
]

const config = (more: Partial<ParquetConfig>): ParquetConfig => ({ compression: 'snappy', ...more })

describe('parsePartition', () => {
  it.each([
    ['uno', { name: 'uno', column: 'uno', expression: '"uno"' }],
    ['"a ""b"""', { name: 'a "b"', column: 'a "b"', expression: '"a ""b"""' }],
    ['day(window_start)', { name: 'day', column: 'window_start', type: 'DATE' }],
    [' Hour( "window start" ) ', { name: 'hour', column: 'window start', type: 'VARCHAR' }],
  ])('%s', (text, expected) => expect(parsePartition(text)).toMatchObject(expected))

  it.each(['', 'a b', 'day()', 'week(a)', 'day(a, b)', 'day(a); DROP', '"a'])('does not take %j', (text) =>
    expect(parsePartition(text)).toBeUndefined(),
  )
})

describe('checkSink', () => {
  it.each<[Partial<ParquetConfig>, (string | number)[] | undefined]>([
    [{ dataset: 't', partitionBy: ['day(window_start)', 'uno'] }, undefined],
    [{ path: '/data/t' }, undefined],
    [{}, []],
    [{ dataset: 't', path: 't' }, []],
    [{ path: 's3://bucket/t' }, ['path']],
    [{ dataset: 't', partitionBy: ['uno', 'week(window_start)'] }, ['partitionBy', 1]],
    [{ dataset: 't', partitionBy: ['day(window_start)', 'day(other)'] }, ['partitionBy', 1]],
    [{ dataset: 't', partitionBy: ['unoo'] }, ['partitionBy', 0]],
    [{ dataset: 't', partitionBy: ['day(uno)'] }, ['partitionBy', 0]],
    [{ dataset: 't', partitionBy: ['items'] }, ['partitionBy', 0]],
    [{ dataset: 't', partitionBy: ['year(window_start)'] }, ['partitionBy', 0]],
  ])('%j', (given, path) => {
    expect(checkSink(config(given), COLUMNS).map((issue) => issue.path)).toEqual(path === undefined ? [] : [path])
  })

  it('leaves a column for the files', () => {
    expect(checkSink(config({ dataset: 't', partitionBy: ['a'] }), [{ name: 'a', type: 'DATE' }])).toHaveLength(1)
  })
})

describe('the name of a partition', () => {
  it('is one that folders keep as it is', () => {
    for (const name of ['größe', 'a b', 'a.b', 'a$']) {
      const rows = [
        { name, type: 'VARCHAR' },
        { name: 'n', type: 'INTEGER' },
      ]
      const issues = checkSink(config({ dataset: 't', partitionBy: [`"${name}"`] }), rows)
      expect(issues).toMatchObject([{ path: ['partitionBy', 0], message: expect.stringContaining(`"${name}"`) }])
    }
  })
})

describe('stagingOf', () => {
  const context = { lakeDirectory: '/data/.headrace/lake' }

  it('stages beside the data, closing files each minute or at 64 MiB unless told', () => {
    expect(stagingOf(config({ dataset: 't', partitionBy: ['month(window_start)'] }), context)).toEqual({
      format: 'parquet',
      directory: '/data/.headrace/lake/t/_headrace/staging',
      compression: 'snappy',
      roll: { everyMs: 60_000, bytes: 64 * 1024 * 1024 },
      partitionBy: [{ name: 'month', expression: `strftime("window_start", '%Y-%m')` }],
    })
  })

  it('takes durations and sizes as people write them', () => {
    const roll = { every: '2 minutes', size: '1 MB', rows: 10 }
    expect(stagingOf(config({ dataset: 't', roll }), context).roll).toEqual({
      everyMs: 120_000,
      bytes: 1_000_000,
      rows: 10,
    })
    expect(stagingOf(config({ dataset: 't', roll: { every: '1 second' } }), context).roll).toEqual({ everyMs: 1000 })
  })

  it('finds the folder', () => {
    expect(rootOf(config({ path: 'a/b' }), context)).toBe('/data/.headrace/lake/a/b')
    expect(rootOf(config({ path: '/x/y/' }), context)).toBe('/x/y')
  })
})
