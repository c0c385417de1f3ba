import { open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Connection } from '../duckdb/index.ts'
import type { Field, StagedFile, Staging } from '../model/index.ts'
import { writeCopy } from './batch-files.ts'
import { planCopy } from './copy-plan.ts'

const STAGED = 'staged-'

/** A name that any file system takes, and that tells pipelines, sinks and incarnations apart. */
export function stagedName(pipeline: string, sink: string, incarnation: string, epoch: number): string {
  return `${stagedPrefix(pipeline, sink, incarnation)}${epoch}`
}

function stagedPrefix(pipeline: string, sink: string, incarnation: string): string {
  return `${STAGED}${encodeURIComponent(pipeline)}.${encodeURIComponent(sink)}.${incarnation}.`
}

/**
 * Writes what `select` gives to files below `directory`, durably, and says what was written; nothing for no rows (unless
 * `evenEmpty`). The files are worth nothing before the epoch's commit names them.
 */
export async function stageRows(
  connection: Connection,
  select: string,
  columns: readonly Field[],
  staging: Staging,
  target: { readonly directory: string; readonly name: string; readonly evenEmpty?: boolean },
): Promise<StagedFile[]> {
  const { format, partitionBy = [], compression = 'snappy' } = staging
  const entry = join(target.directory, partitionBy.length > 0 ? target.name : `${target.name}.${format}`)
  const options = { format, to: entry, compression, ...(partitionBy.length > 0 ? { partitionBy } : {}) }
  const written = await writeCopy(connection, planCopy(select, columns, options), options)
  const files = target.evenEmpty === true ? written : written.filter((file) => file.rows > 0)
  if (files.length === 0) await rm(entry, { recursive: true, force: true })
  await Promise.all(files.map((file) => syncPath(file.path)))
  const folders = new Set(files.flatMap((file) => foldersBetween(target.directory, file.path)))
  await Promise.all([...folders].map(syncPath))
  return files
}

function foldersBetween(directory: string, path: string): string[] {
  const folders: string[] = []
  for (let folder = dirname(path); folder.length >= directory.length; folder = dirname(folder)) folders.push(folder)
  return folders
}

/** DuckDB's COPY does not sync what it wrote; neither does anybody sync the folder that names it. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes what this state staged for `sink` in `directory` and never committed, or has published. */
export async function sweepStaged(
  directory: string,
  pipeline: string,
  sink: string,
  incarnation: string,
  keep: readonly StagedFile[],
): Promise<number> {
  const prefix = stagedPrefix(pipeline, sink, incarnation)
  const kept = new Set(keep.map(stagedEntry))
  let swept = 0
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (!name.startsWith(prefix) || kept.has(resolve(path))) continue
    await rm(path, { recursive: true, force: true })
    swept++
  }
  return swept
}

/**
 * Removes what a published batch was staged as. An epoch's files of a sink all belong to one batch, so a partitioned
 * fragment's whole folder goes; a sink may have renamed the files away already.
 */
export async function removeStaged(files: readonly StagedFile[]): Promise<void> {
  const entries = new Set(files.map(stagedEntry))
  // Paths come from the state: nothing is removed that does not bear the name of something staged.
  const ours = [...entries].filter((entry) => basename(entry).startsWith(STAGED))
  await Promise.all(ours.map((entry) => rm(entry, { recursive: true, force: true })))
}

/** What was written to the staging folder as one: the file, or the folder above its partitions' folders. Absolute. */
function stagedEntry({ path, partition }: StagedFile): string {
  const partitions = Object.keys(partition).length
  let entry = resolve(path)
  if (partitions > 0) for (let depth = 0; depth <= partitions; depth++) entry = dirname(entry)
  return entry
}
