import { isAbsolute, join, resolve } from 'node:path'
import {
  type AdapterContext,
  type ConfigIssue,
  DATASET_FOLDER,
  Duration,
  type Field,
  parseDuration,
  parseSize,
  Size,
  type Staging,
} from '@headrace/core'
import { type Static, Type } from 'typebox'
import { type Partition, parsePartition, partitionProblems } from './partitions.ts'

export const sinkSchema = Type.Object(
  {
    dataset: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        maxLength: 128,
        description: 'Name of the dataset: a folder of the lake, and a table of `headrace query`.',
      }),
    ),
    path: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'A folder instead of a dataset’s name; a relative one lies in the lake. Only folders of the lake can be queried.',
      }),
    ),
    partitionBy: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        maxItems: 4,
        description:
          'Folders (`day=2026-11-20/`) by a column, or by `year(c)`, `month(c)`, `day(c)`, `hour(c)` of a time, in UTC.',
      }),
    ),
    compression: Type.Union(
      [Type.Literal('snappy'), Type.Literal('zstd'), Type.Literal('gzip'), Type.Literal('uncompressed')],
      { default: 'snappy', description: 'zstd makes smaller files for a little more work.' },
    ),
    roll: Type.Optional(
      Type.Object(
        {
          every: Type.Optional(Duration({ description: 'A file closes after this long.' })),
          size: Type.Optional(Size({ description: '… or with so many bytes.' })),
          rows: Type.Optional(Type.Integer({ minimum: 1, description: '… or with so many rows.' })),
        },
        {
          additionalProperties: false,
          description:
            'When files close, whichever comes first; `{ every: 1 minute, size: 64 MiB }` unless told. `headrace query` sees rows at once all the same.',
        },
      ),
    ),
  },
  { additionalProperties: false },
)
export type ParquetConfig = Static<typeof sinkSchema>

export const sinkExamples = [
  { parquet: { dataset: 'trades_per_minute', partitionBy: ['day(window_start)'] } },
  {
    parquet: { dataset: 'trades', compression: 'zstd', roll: { every: '5 minutes', size: '128 MiB', rows: 5_000_000 } },
  },
  { parquet: { path: '/data/lake/trades', partitionBy: ['day(tuptime)', 'uno'] } },
]

const DEFAULT_ROLL = { everyMs: 60_000, bytes: 64 * 2 ** 20 }

/** What the schema cannot say. */
export function checkSink(config: ParquetConfig, columns?: readonly Field[]): readonly ConfigIssue[] {
  return [...targetIssues(config), ...partitionIssues(config, columns)]
}

function targetIssues({ dataset, path }: ParquetConfig): ConfigIssue[] {
  if ((dataset === undefined) === (path === undefined)) {
    const message = dataset === undefined ? 'there is no dataset' : 'there are both a dataset and a path'
    return [{ path: [], message, hint: 'Write `dataset: <name>` for a folder of the lake, or `path: <folder>`.' }]
  }
  if (path !== undefined && /^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    return [{ path: ['path'], message: `"${path}" is not a local folder`, hint: 'Only local folders can be written.' }]
  }
  return []
}

function partitionIssues(config: ParquetConfig, columns: readonly Field[] | undefined): ConfigIssue[] {
  const texts = config.partitionBy ?? []
  const unread = texts.findIndex((text) => parsePartition(text) === undefined)
  if (unread >= 0) {
    const hint = 'Write a column, or year(column), month(column), day(column) or hour(column).'
    return [{ path: ['partitionBy', unread], message: `"${texts[unread]}" is not a partition`, hint }]
  }
  const partitions = partitionsOf(config)
  const names = partitions.map((partition) => partition.name.toLowerCase())
  const repeated = names.findIndex((name, index) => names.indexOf(name) < index)
  if (repeated >= 0) {
    return [{ path: ['partitionBy', repeated], message: `there are two partitions called "${names[repeated]}"` }]
  }
  if (columns === undefined) return []
  if (columns.every((column) => partitions.some((partition) => partition.name === column.name))) {
    return [{ path: ['partitionBy'], message: 'every column is a partition: no column is left for the files' }]
  }
  const hint = `The rows' columns are ${columns.map((column) => column.name).join(', ')}.`
  return partitionProblems(partitions, columns).map(({ index, message }) => ({
    path: ['partitionBy', index],
    message,
    hint,
  }))
}

export function partitionsOf(config: ParquetConfig): readonly Partition[] {
  return (config.partitionBy ?? []).map(parsePartition).filter((partition) => partition !== undefined)
}

/** The dataset's folder, absolute. */
export function rootOf(config: ParquetConfig, context: Pick<AdapterContext, 'lakeDirectory'>): string {
  const place = config.path ?? config.dataset ?? '.'
  return isAbsolute(place) ? resolve(place) : resolve(context.lakeDirectory, place)
}

export function stagingDirectory(root: string): string {
  return join(root, DATASET_FOLDER, 'staging')
}

export function stagingOf(config: ParquetConfig, context: Pick<AdapterContext, 'lakeDirectory'>): Staging {
  const partitions = partitionsOf(config)
  return {
    format: 'parquet',
    directory: stagingDirectory(rootOf(config, context)),
    compression: config.compression ?? 'snappy',
    roll: rollOf(config),
    ...(partitions.length > 0 && { partitionBy: partitions.map(({ name, expression }) => ({ name, expression })) }),
  }
}

function rollOf({ roll }: ParquetConfig): NonNullable<Staging['roll']> {
  if (roll === undefined || Object.keys(roll).length === 0) return DEFAULT_ROLL
  return {
    ...(roll.every !== undefined && { everyMs: parseDuration(roll.every) }),
    ...(roll.size !== undefined && { bytes: parseSize(roll.size) }),
    ...(roll.rows !== undefined && { rows: roll.rows }),
  }
}
