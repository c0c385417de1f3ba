import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  type Batch,
  type ManifestEntry,
  parseManifestLine,
  SinkAheadError,
  SinkBehindError,
  SinkForeignError,
} from '@headrace/core'
import { syncPath } from './durable-files.ts'
import { ManifestDamagedError } from './errors.ts'

const CHUNK_BYTES = 64 * 1024

/** A writer's own manifest: one line per published batch, only ever appended to. */
export class ManifestFile {
  readonly path: string
  readonly #handle: FileHandle
  #size = -1
  #last: ManifestEntry | undefined

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  /** Opens or creates it. A last line torn by a crash is cut off: its batch was never said to be published. */
  static async open(path: string): Promise<ManifestFile> {
    // Not 'a+': that mode cannot truncate on every system, and creating needs its own flag.
    const handle = await open(path, 'a').then(async (created) => {
      await created.close()
      return open(path, 'r+')
    })
    const manifest = new ManifestFile(path, handle)
    try {
      await manifest.#load()
      await syncPath(dirname(path))
    } catch (error) {
      await handle.close()
      throw error
    }
    return manifest
  }

  /** The last published batch, read again if somebody else has appended. */
  async last(): Promise<ManifestEntry | undefined> {
    const { size } = await this.#handle.stat()
    if (size !== this.#size) await this.#load()
    return this.#last
  }

  /** Appends durably, or not at all. */
  async append(entry: ManifestEntry): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`)
    try {
      const { bytesWritten } = await this.#handle.write(line, 0, line.length, this.#size)
      // A disk that fills up takes what fits and says no more than that.
      if (bytesWritten < line.length) throw Object.assign(new Error('the disk took a part only'), { code: 'ENOSPC' })
      await this.#handle.sync()
    } catch (error) {
      await this.#handle.truncate(this.#size)
      throw error
    }
    this.#size += line.length
    this.#last = entry
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #load(): Promise<void> {
    const { size } = await this.#handle.stat()
    const tail = await readTail(this.#handle, size)
    const keep = tail.torn ? tail.start : size
    if (keep < size) await this.#handle.truncate(keep)
    // What is taken for published must be on the disk, whoever wrote it last and however that ended.
    await this.#handle.sync()
    this.#size = keep
    this.#last = tail.torn ? await this.#entryBefore(keep) : tail.entry
  }

  async #entryBefore(size: number): Promise<ManifestEntry | undefined> {
    const tail = await readTail(this.#handle, size)
    if (tail.torn) throw new ManifestDamagedError({ path: this.path })
    return tail.entry
  }
}

interface Tail {
  readonly entry: ManifestEntry | undefined
  /** Where the last line begins. */
  readonly start: number
  /** It has no end, or is no entry. */
  readonly torn: boolean
}

/** The last line of the first `size` bytes. */
async function readTail(handle: FileHandle, size: number): Promise<Tail> {
  if (size === 0) return { entry: undefined, start: 0, torn: false }
  let from = size
  let bytes: Buffer = Buffer.alloc(0)
  let newline = -1
  while (from > 0 && newline < 0) {
    const length = Math.min(CHUNK_BYTES, from)
    from -= length
    const chunk = Buffer.alloc(length)
    await handle.read(chunk, 0, length, from)
    bytes = Buffer.concat([chunk, bytes])
    // The newline before the last line; the very last byte is the line's own.
    newline = bytes.length < 2 ? -1 : bytes.lastIndexOf(0x0a, bytes.length - 2)
  }
  const start = from + newline + 1
  const line = bytes.subarray(newline + 1)
  const entry = line.at(-1) === 0x0a ? parseManifestLine(line.toString('utf8')) : undefined
  return { entry, start, torn: entry === undefined }
}

/**
 * Whether a batch is the next one in the dataset's folder `root`; false if it is already in. Throws SINK_AHEAD, SINK_BEHIND or
 * SINK_FOREIGN.
 */
export function isNext(
  { id, untried }: Pick<Batch, 'id' | 'untried'>,
  last: Pick<ManifestEntry, 'incarnation' | 'sequence'> | undefined,
  root: string,
): boolean {
  const { sink, incarnation, sequence } = id
  // Rows that wait are staged in the dataset's folder: who removes it must remove the state that counts on them.
  const reset = `remove the folder ${root} together with the folder pipelines/${id.pipeline} of the data folder`
  if (last !== undefined && last.incarnation !== incarnation) {
    throw new SinkForeignError({ sink, incarnation, found: last.incarnation, reset })
  }
  const found = last?.sequence ?? 0
  if (found === sequence && !untried) return false
  if (found >= sequence) throw new SinkAheadError({ sink, incarnation, expected: sequence, found, reset })
  if (found < sequence - 1) throw new SinkBehindError({ sink, incarnation, expected: sequence, found, reset })
  return true
}
