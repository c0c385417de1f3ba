import { HeadraceError } from '../errors/index.ts'
import type { Position, RecordBlock, Source, SourceEvent } from '../model/index.ts'
import { backoffMs, sleep } from './backoff.ts'
import type { EpochInput } from './epoch-input.ts'

export interface ReaderOptions {
  readonly createSource: () => Promise<Source>
  readonly from: ReadonlyMap<string, Position>
  /** Reading pauses while so much waits to be taken. */
  readonly maxRecords: number
  readonly maxBytes: number
  readonly signal: AbortSignal
  /** Something was added: look again whether an epoch is due. */
  readonly onChange: () => void
  /** The source is out of reach and is tried again after `waitMs`; undefined once it answers. */
  readonly onProblem: (error: HeadraceError | undefined, attempt: number, waitMs: number) => void
  /** What a failure is told as. */
  readonly explain: (error: unknown) => unknown
}

/** Reads a source ahead of the epochs, within limits, and connects it again when it goes away. */
export class Reader {
  readonly #options: ReaderOptions
  readonly #positions: Map<string, Position>
  #source: Source | undefined
  #gathered = emptyInput()
  #room: (() => void) | undefined
  #failure: unknown
  #ended = false
  /** The next `assigned` is the first of its `read`, and names every partition. */
  #begins = false
  #assigned: Set<string> | undefined
  #work: Promise<void> = Promise.resolve()

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#positions = new Map(options.from)
    options.signal.addEventListener('abort', () => this.#makeRoom(), { once: true })
  }

  /** Connects (throwing what the source throws, if that cannot be helped by waiting) and reads on in the background. */
  async start(): Promise<void> {
    const source = await this.#connect()
    this.#work = this.#read(source)
  }

  get source(): Source {
    if (this.#source === undefined) throw new Error('the reader has not been started')
    return this.#source
  }

  /** Whether there is a source to acknowledge to. */
  get connected(): boolean {
    return this.#source !== undefined
  }

  get gathered(): Readonly<EpochInput> {
    return this.#gathered
  }

  /** Where reading stands, taken or not. */
  get positions(): ReadonlyMap<string, Position> {
    return this.#positions
  }

  /** The partitions that are read; undefined until the source has told them, and while they are handed out anew. */
  get assigned(): ReadonlySet<string> | undefined {
    return this.#assigned
  }

  get full(): boolean {
    return this.#gathered.records >= this.#options.maxRecords || this.#gathered.bytes >= this.#options.maxBytes
  }

  /** The source has said its last word. */
  get ended(): boolean {
    return this.#ended
  }

  /** Takes what has been gathered. Throws what reading failed with, if it did. */
  take(): EpochInput {
    this.check()
    const taken = this.#gathered
    this.#gathered = emptyInput(taken)
    this.#makeRoom()
    return taken
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Ends reading (the signal must have been aborted) and closes the source. Blocks not taken are released. */
  async close(): Promise<void> {
    this.#makeRoom()
    await this.#work
    for (const block of this.#gathered.blocks) block.release()
    this.#gathered = emptyInput()
    // All that was taken is committed or will be read again: how the connection ends makes no difference.
    await this.#source?.close().catch(() => undefined)
  }

  async #read(first: Source): Promise<void> {
    const { signal, onProblem } = this.#options
    let source = first
    let failures = 0
    while (!signal.aborted) {
      try {
        this.#begins = true
        this.#assigned = undefined
        for await (const event of source.read(this.#positions, signal)) {
          if ('block' in event || 'atEnd' in event) failures = 0
          this.#accept(event)
          while (this.full && !signal.aborted) await this.#untilTaken()
          if (signal.aborted) break
        }
        if (!signal.aborted) this.#ended = true
        this.#options.onChange()
        return
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof HeadraceError) || error.retry !== 'backoff') return this.#fail(error)
        // Where the partitions end is not known any more: nobody is idle meanwhile.
        this.#gathered.atEnd.clear()
        // A source that connects and then fails again and again is not asked without a pause either.
        const waitMs = backoffMs(++failures)
        onProblem(error, failures, waitMs)
        try {
          await source.close()
          await sleep(waitMs, signal)
          source = await this.#connect()
        } catch (again) {
          if (!signal.aborted) this.#fail(again)
          return
        }
      }
    }
  }

  async #connect(): Promise<Source> {
    const { signal, onProblem, explain } = this.#options
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      const source = await this.#options.createSource().catch((error: unknown) => {
        throw explain(error)
      })
      try {
        await source.connect(signal)
        this.#source = source
        onProblem(undefined, attempt - 1, 0)
        return source
      } catch (error) {
        await source.close()
        if (signal.aborted || !(error instanceof HeadraceError) || error.retry !== 'backoff') throw explain(error)
        const waitMs = backoffMs(attempt)
        onProblem(error, attempt, waitMs)
        await sleep(waitMs, signal)
      }
    }
  }

  #accept(event: SourceEvent): void {
    const gathered = this.#gathered
    if ('block' in event) {
      const { block } = event
      gathered.blocks.push(block)
      gathered.records += block.count
      gathered.bytes += block.count === 0 ? 0 : (block.values.ends[block.count - 1] as number) + 1
      this.#moved(block.partition, block.next)
    } else if ('progress' in event) this.#moved(event.progress, event.next)
    else if ('skipped' in event) {
      gathered.skipped += event.records
      this.#moved(event.skipped, event.next)
    } else if ('atEnd' in event) {
      const since = gathered.atEnd.get(event.atEnd)?.since ?? event.observedAt
      gathered.atEnd.set(event.atEnd, { since, until: event.observedAt })
    } else if ('ended' in event) {
      gathered.ended.push(event.ended)
      gathered.assigned.push(...event.children)
      this.#assigned = new Set([...(this.#assigned ?? []), ...event.children]).difference(new Set([event.ended]))
    } else if ('assigned' in event) {
      gathered.assigned.push(...event.assigned)
      if (this.#begins) gathered.known = event.assigned
      this.#assigned = new Set([...(this.#begins ? [] : (this.#assigned ?? [])), ...event.assigned])
      this.#begins = false
    } else {
      gathered.revoked.push(...event.revoked)
      for (const partition of event.revoked) {
        gathered.atEnd.delete(partition)
        this.#assigned?.delete(partition)
      }
      if (event.isRebalance === true) this.#assigned = undefined
      event.done()
    }
    this.#options.onChange()
  }

  #moved(partition: string, next: Position): void {
    this.#gathered.positions.set(partition, next)
    this.#gathered.atEnd.delete(partition)
    this.#positions.set(partition, next)
  }

  #untilTaken(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = resolve
    })
  }

  #makeRoom(): void {
    this.#room?.()
    this.#room = undefined
  }

  #fail(error: unknown): void {
    this.#failure = this.#options.explain(error)
    this.#options.onChange()
  }
}

interface Gathered extends EpochInput {
  readonly blocks: RecordBlock[]
  records: number
  bytes: number
  skipped: number
  readonly positions: Map<string, Position>
  readonly assigned: string[]
  known: readonly string[] | undefined
  readonly revoked: string[]
  readonly ended: string[]
  readonly atEnd: Map<string, { since: number; until: number }>
}

/** What is known of partitions at their end carries over: idleness is counted across epochs. */
function emptyInput(previous?: EpochInput): Gathered {
  return {
    blocks: [],
    records: 0,
    bytes: 0,
    skipped: 0,
    positions: new Map(),
    assigned: [],
    known: undefined,
    revoked: [],
    ended: [],
    atEnd: new Map(previous?.atEnd),
  }
}
