import { access, readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { Field } from '../model/index.ts'
import {
  DATASET_FOLDER,
  type DatasetFile,
  type ManifestEntry,
  manifestFileName,
  type PendingBatch,
  parseManifest,
  parsePending,
  pendingFileName,
  writerOf,
} from './manifest.ts'

/** Files of one shape: the same columns and partitions. */
export interface FileGroup {
  /** Undefined in a folder without manifest: whatever the files say. */
  readonly schema?: readonly Field[]
  /** Undefined in a folder without manifest: whatever the folders say. */
  readonly partitionBy?: readonly Field[]
  /** Absolute paths. */
  readonly paths: readonly string[]
}

/** What a dataset consists of at one moment. */
export interface DatasetListing {
  readonly groups: readonly FileGroup[]
  readonly files: number
  readonly bytes?: number
  /** Unknown in a folder without manifest. */
  readonly rows?: number
}

export interface ListOptions {
  /** Whether rows count that are committed but wait for their file to close. */
  readonly pending: boolean
}

/**
 * What a dataset's folder holds now. With manifests: the files that they list and, unless told otherwise, the committed
 * fragments that wait; no batch in part, none twice. Without: all its Parquet files.
 */
export async function listDataset(folder: string, options: ListOptions): Promise<DatasetListing> {
  const writers = await writersOf(folder)
  if (writers === undefined) return listPlainFolder(folder)
  const shapes = (await Promise.all(writers.map((writer) => listWriter(folder, writer, options)))).flat()
  const files = shapes.flatMap((shape) => shape.files)
  return {
    groups: groupByShape(shapes).map(({ schema, partitionBy, files }) => ({
      schema,
      partitionBy,
      paths: files.map((file) => join(folder, file.path)),
    })),
    files: files.length,
    rows: shapes.reduce((sum, shape) => sum + shape.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  }
}

/** Those who write the dataset under a manifest; undefined if nobody does. */
async function writersOf(folder: string): Promise<string[] | undefined> {
  const names = await namesIn(join(folder, DATASET_FOLDER))
  return names && [...new Set(names.map(writerOf).filter((writer) => writer !== undefined))].sort()
}

interface Shape {
  readonly schema: readonly Field[]
  readonly partitionBy: readonly Field[]
  readonly rows: number
  readonly files: readonly DatasetFile[]
}

async function listWriter(folder: string, writer: string, options: ListOptions): Promise<Shape[]> {
  const inside = join(folder, DATASET_FOLDER)
  // The pending list first: what is published in between is then in the manifest as well, and not in neither of them.
  const waiting = options.pending ? parsePending(await textOf(join(inside, pendingFileName(writer)))).batches : []
  const entries = parseManifest(await textOf(join(inside, manifestFileName(writer))))
  const fresh = unpublished(waiting, entries.at(-1))
  const batches = await Promise.all(fresh.map((batch) => locate(folder, batch)))
  return [...entries, ...batches]
}

/** Pending batches that the manifest does not hold. Those of another state are not its continuation. */
function unpublished(waiting: readonly PendingBatch[], last: ManifestEntry | undefined): PendingBatch[] {
  return waiting.filter(
    (batch) => last === undefined || (batch.incarnation === last.incarnation && batch.sequence > last.sequence),
  )
}

/** Where a pending batch's rows lie now: in the file to be, if it is in place already, or in the fragments. */
async function locate(folder: string, batch: PendingBatch): Promise<Shape> {
  const files = await Promise.all(
    batch.files.map(async (file): Promise<DatasetFile[]> => {
      if (await exists(join(folder, file.path))) return [file]
      return file.sources.map((path) => ({ ...file, path, bytes: file.bytes / file.sources.length }))
    }),
  )
  return { ...batch, files: files.flat() }
}

function groupByShape(shapes: readonly Shape[]): Shape[] {
  const byShape = Map.groupBy(shapes, ({ schema, partitionBy }) => JSON.stringify([schema, partitionBy]))
  return [...byShape.values()].map((same) => ({ ...(same[0] as Shape), files: same.flatMap((shape) => shape.files) }))
}

async function listPlainFolder(folder: string): Promise<DatasetListing> {
  const paths = await parquetFilesBelow(folder)
  return { groups: paths.length === 0 ? [] : [{ paths: paths.map((path) => join(folder, path)) }], files: paths.length }
}

/** Parquet files in a folder and below it, in order; names that begin with `_` or `.` are hidden, as for Hive and Spark. */
async function parquetFilesBelow(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter((entry) => !/^[_.]/.test(entry.name))
  const found = await Promise.all(
    entries.map(async (entry) => {
      if (entry.isFile()) return entry.name.endsWith('.parquet') ? [entry.name] : []
      if (!entry.isDirectory()) return []
      return (await parquetFilesBelow(join(folder, entry.name))).map((path) => posix.join(entry.name, path))
    }),
  )
  return found.flat().sort()
}

/** The names in a folder; undefined where there is no such folder. */
export async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return ''
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}
