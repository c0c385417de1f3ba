import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import {
  type AdapterContext,
  type Batch,
  BatchIncompleteError,
  BatchUnreadableError,
  DATASET_FOLDER,
  type DatasetFile,
  type Field,
  HeadraceError,
  manifestFileName,
  type PendingBatch,
  pendingFileName,
  type Sink,
  writerName,
} from '@headrace/core'
import { mapConcurrently } from './concurrency.ts'
import { type ParquetConfig, partitionsOf, rootOf, stagingDirectory } from './config.ts'
import { replaceFile, syncPath } from './durable-files.ts'
import { fileSystemError } from './errors.ts'
import { isNext, ManifestFile } from './manifest-file.ts'
import type { Partition } from './partitions.ts'
import { foldersOf, type PlannedFile, planPublication } from './plan-publication.ts'

/** A batch may have thousands of partitions, and syncing each of their folders takes its time. */
const CONCURRENT_FILES = 8

/** The moments of a publication between which a kill leaves different things behind. */
export type PublishStep = 'announced' | 'merged' | 'placed' | 'all placed' | 'listed'

export interface ParquetSinkOptions {
  readonly root: string
  readonly pipeline: string
  readonly name: string
  readonly partitions: readonly Partition[]
  readonly compression: NonNullable<ParquetConfig['compression']>
  /** Called after each step; what it throws ends the publication there. For tests. */
  readonly onStep?: (step: PublishStep) => void
}

export function createSink(config: ParquetConfig, context: AdapterContext): Sink {
  return new ParquetSink({
    root: rootOf(config, context),
    pipeline: context.pipeline,
    name: context.name,
    partitions: partitionsOf(config),
    compression: config.compression ?? 'snappy',
  })
}

/**
 * A folder of Parquet files with a manifest. A batch is in the dataset once its line is in the manifest; its files are in
 * place before that. Everything before the line can be repeated.
 */
export class ParquetSink implements Sink {
  readonly #options: ParquetSinkOptions
  readonly #writer: string
  #manifest: ManifestFile | undefined
  /** What the pending list says, by sequence. */
  #pending = new Map<number, PendingBatch>()

  constructor(options: ParquetSinkOptions) {
    this.#options = options
    this.#writer = writerName(options.pipeline, options.name)
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#translated(async () => {
      await mkdir(stagingDirectory(this.#options.root), { recursive: true })
      this.#manifest = await ManifestFile.open(this.#path(DATASET_FOLDER, manifestFileName(this.#writer)))
      await this.#sweepMerges()
    })
  }

  async publish(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const manifest = this.#manifest
    if (manifest === undefined) throw new Error('the sink is not connected')
    await this.#translated(async () => {
      if (!isNext(batch, await manifest.last(), this.#options.root)) return
      requireAllRows(batch)
      const planned = planPublication(batch.id, batch.files)
      await this.#announce(batch, planned)
      this.#reached('announced')
      const files = await mapConcurrently(planned, CONCURRENT_FILES, async (file) => {
        signal.throwIfAborted()
        const placed = await this.#place(batch, file)
        this.#reached('placed')
        return placed
      })
      await this.#syncFolders(planned)
      this.#reached('all placed')
      await manifest.append({ ...this.#describe(batch), files })
      this.#reached('listed')
    })
  }

  async pending(batches: readonly Batch[]): Promise<void> {
    this.#pending = new Map(
      batches.map((batch) => [batch.id.sequence, this.#pendingBatch(batch, planPublication(batch.id, batch.files))]),
    )
    await this.#translated(() => this.#writePending())
  }

  async close(): Promise<void> {
    await this.#manifest?.close()
    this.#manifest = undefined
  }

  /** Puts one file of the dataset where it belongs, unless an earlier attempt has. */
  async #place(batch: Batch, file: PlannedFile): Promise<DatasetFile> {
    const { path, rows, partition } = file
    const target = this.#path(path)
    const present = await sizeOf(target)
    if (present !== undefined) return { path, rows, bytes: present, partition }
    await mkdir(dirname(target), { recursive: true })
    const [only] = file.sources
    const source = only !== undefined && file.sources.length === 1 ? only.path : await this.#merge(batch, file)
    const bytes = await sizeOf(source)
    if (bytes === undefined || (source === only?.path && bytes !== only.bytes)) {
      const reason = bytes === undefined ? `${source} is gone` : `${source} has ${bytes} bytes, not ${only?.bytes}`
      throw new BatchUnreadableError({ batch: nameOf(batch), reason })
    }
    await rename(source, target)
    return { path, rows, bytes, partition }
  }

  /** Writes the fragments of a file as one, in the staging folder; gives its path. */
  async #merge(batch: Batch, file: PlannedFile): Promise<string> {
    const to = join(stagingDirectory(this.#options.root), `${this.#mergePrefix()}${randomUUID()}.parquet`)
    const inFolders = new Set(this.#options.partitions.map((partition) => partition.name))
    const kept = batch.schema.filter((field) => !inFolders.has(field.name))
    const select = kept.map((field) => `"${field.name.replaceAll('"', '""')}"`)
    await batch.export({ format: 'parquet', to, files: file.sources, select, compression: this.#options.compression })
    await syncPath(to)
    this.#reached('merged')
    return to
  }

  async #syncFolders(planned: readonly PlannedFile[]): Promise<void> {
    const folders = new Set(planned.flatMap((file) => foldersOf(this.#options.root, file.path)))
    await mapConcurrently([...folders], CONCURRENT_FILES, syncPath)
  }

  /** The pending list names where this batch's files will be before the first one moves: readers follow it there. */
  async #announce(batch: Batch, planned: readonly PlannedFile[]): Promise<void> {
    this.#pending.set(batch.id.sequence, this.#pendingBatch(batch, planned))
    await this.#writePending()
  }

  async #writePending(): Promise<void> {
    const batches = [...this.#pending.values()].sort((a, b) => a.sequence - b.sequence)
    const path = this.#path(DATASET_FOLDER, pendingFileName(this.#writer))
    await replaceFile(path, JSON.stringify({ version: 1, batches }))
  }

  #pendingBatch(batch: Batch, planned: readonly PlannedFile[]): PendingBatch {
    const files = planned.map(({ path, rows, partition, sources }) => ({
      path,
      rows,
      bytes: sources.reduce((sum, source) => sum + source.bytes, 0),
      partition,
      sources: sources.map((source) => relative(this.#options.root, source.path).split(sep).join('/')),
    }))
    return { ...this.#describe(batch), files }
  }

  #describe(batch: Batch) {
    const { incarnation, sequence } = batch.id
    const typeOf = new Map(batch.schema.map((field) => [field.name, field.type]))
    const partitionBy: Field[] = this.#options.partitions.map(({ name, type }) => ({
      name,
      type: type ?? typeOf.get(name) ?? 'VARCHAR',
    }))
    return { version: 1 as const, incarnation, sequence, rows: batch.rowCount, schema: batch.schema, partitionBy }
  }

  /** Merged files that a kill left behind before they were renamed. Staged fragments are the engine's to sweep. */
  async #sweepMerges(): Promise<void> {
    const directory = stagingDirectory(this.#options.root)
    const prefix = this.#mergePrefix()
    for (const name of await readdir(directory)) {
      if (name.startsWith(prefix)) await rm(join(directory, name), { force: true })
    }
  }

  #mergePrefix(): string {
    // No encoded name contains an `@`: another writer's prefix never begins with this one.
    return `merge-${this.#writer}@`
  }

  #path(...steps: string[]): string {
    return join(this.#options.root, ...steps)
  }

  #reached(step: PublishStep): void {
    this.#options.onStep?.(step)
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof HeadraceError || (error as NodeJS.ErrnoException).code === undefined) throw error
      throw fileSystemError(error, this.#options.root)
    }
  }
}

function requireAllRows(batch: Batch): void {
  const found = batch.files.reduce((sum, file) => sum + file.rows, 0)
  if (found !== batch.rowCount) {
    throw new BatchIncompleteError({ batch: nameOf(batch), expected: batch.rowCount, found })
  }
}

function nameOf({ id }: Batch): string {
  return `${id.pipeline}/${id.incarnation}/${id.sink}/${id.sequence}`
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
