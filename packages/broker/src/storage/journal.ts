import { type FileHandle, open } from 'node:fs/promises'
import { crc32c } from './crc32c.ts'
import { readFileIfAny, replaceFile } from './durable-file.ts'
import type { Flushable, FsyncPolicy, IntervalFlusher } from './flusher.ts'
import { ForcedFile, forgetUnkept, isUnkept, UnkeptError } from './forced-file.ts'
import { WriteQueue } from './write-queue.ts'

/** Each entry: its length and its CRC-32C, four bytes each, then JSON. */
const FRAME_HEADER_BYTES = 8

/** The file is written anew when it has grown by so much beyond twice what is worth keeping. */
const COMPACT_AFTER_BYTES = 1024 * 1024

export interface JournalOptions<Entry> {
  readonly file: string
  readonly fsync: FsyncPolicy
  readonly flusher: IntervalFlusher
  /** Takes an entry into the state: of those in the file when it is opened, then of each that is appended, in the order of the file. */
  readonly apply: (entry: Entry) => void
  /** Entries that make the present state. */
  readonly snapshot: () => Iterable<Entry>
}

/** State that is kept as the list of its changes, in a file that is only appended to and now and then written anew. */
export class Journal<Entry> implements Flushable {
  readonly #options: JournalOptions<Entry>
  readonly #queue = new WriteQueue<Entry, void>((entries) => this.#append(entries))
  #handle: FileHandle
  #forced: ForcedFile
  #sizeBytes: number
  #compactBytes = 0
  #torn = false
  /** The file may not hold what the state does: it is written anew before anything is appended. */
  #isUnsound = false

  private constructor(options: JournalOptions<Entry>, handle: FileHandle, sizeBytes: number) {
    this.#options = options
    this.#handle = handle
    this.#forced = new ForcedFile(options.file, handle, sizeBytes === 0)
    this.#sizeBytes = sizeBytes
  }

  /** Applies what the file holds, up to the first entry that a crash cut off, and opens it to go on. */
  static async open<Entry>(options: JournalOptions<Entry>): Promise<Journal<Entry>> {
    const content = (await readFileIfAny(options.file)) ?? Buffer.alloc(0)
    const sizeBytes = replay(content, options.apply)
    const handle = await open(options.file, 'a')
    if (sizeBytes < content.length) await handle.truncate(sizeBytes)
    const journal = new Journal(options, handle, sizeBytes)
    journal.#isUnsound = await isUnkept(options.file)
    await journal.#compactIfNeeded()
    return journal
  }

  /** Writes an entry and applies it. Resolves when it is written: then it outlives the process. */
  append(entry: Entry): Promise<void> {
    return this.#queue.push(entry)
  }

  async flush(): Promise<void> {
    const forced = this.#forced
    try {
      await forced.force()
    } catch (error) {
      // A file that has been replaced meanwhile may be as it likes.
      if (forced !== this.#forced) return
      if (!this.#isUnsound) this.#options.flusher.onError(error)
      this.#isUnsound = true
      throw error
    }
  }

  /** Forces what was written to the disk, and ends. Where that fails, it is told like any failure that nobody waits for. */
  async close(): Promise<void> {
    await this.#queue.settled()
    this.#options.flusher.forget(this)
    try {
      await this.#compactIfNeeded()
      await this.flush()
    } catch (error) {
      // `flush` has told of its own.
      if (!(error instanceof UnkeptError)) this.#options.flusher.onError(error)
    }
    await this.#handle.close()
  }

  async #append(entries: readonly Entry[]): Promise<never[]> {
    await this.#compactIfNeeded()
    await this.#write(entries)
    for (const entry of entries) this.#options.apply(entry)
    return []
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const frames = Buffer.concat(entries.map(frameOf))
    // Entries behind one that is torn would be lost at the next start.
    if (this.#torn) await this.#handle.truncate(this.#sizeBytes)
    this.#torn = true
    await this.#handle.appendFile(frames)
    this.#torn = false
    this.#sizeBytes += frames.length
    if (this.#options.fsync.mode === 'always') await this.flush()
    else this.#options.flusher.wrote(this)
  }

  async #compactIfNeeded(): Promise<void> {
    const isGrown = this.#sizeBytes >= COMPACT_AFTER_BYTES + 2 * this.#compactBytes
    if (!isGrown && !this.#isUnsound) return
    const { file, snapshot } = this.#options
    const content = Buffer.concat(Array.from(snapshot(), frameOf))
    // Where this is broken off, nobody knows which file has the name: what is appended to the old one may be lost.
    this.#isUnsound = true
    await replaceFile(file, content)
    const [handleBefore, forcedBefore] = [this.#handle, this.#forced]
    this.#handle = await open(file, 'a')
    this.#forced = new ForcedFile(file, this.#handle)
    this.#sizeBytes = content.length
    this.#compactBytes = content.length
    this.#torn = false
    await forcedBefore.settled()
    await handleBefore.close()
    await forgetUnkept(file)
    this.#isUnsound = false
  }
}

function frameOf(entry: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(entry))
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  header.writeUInt32BE(json.length, 0)
  header.writeUInt32BE(crc32c(json), 4)
  return Buffer.concat([header, json])
}

/** Returns the byte after the last whole entry. */
function replay<Entry>(content: Buffer, apply: (entry: Entry) => void): number {
  let position = 0
  while (position + FRAME_HEADER_BYTES <= content.length) {
    const start = position + FRAME_HEADER_BYTES
    const end = start + content.readUInt32BE(position)
    const json = content.subarray(start, end)
    // Zeros, which a crash of the machine may leave where something was to be written, would match: their CRC is zero, too.
    if (json.length === 0 || end > content.length || crc32c(json) !== content.readUInt32BE(position + 4)) break
    apply(JSON.parse(json.toString()) as Entry)
    position = end
  }
  return position
}
