import { randomUUID } from 'node:crypto'
import type { Connection } from '../duckdb/index.ts'
import { quoteIdentifier } from '../duckdb/index.ts'
import type { RowsRejectedError } from '../errors/index.ts'
import type { Batch, Field, Position, Row, StagedFile } from '../model/index.ts'
import { planRead } from './batch-files.ts'
import { collectDeadLetters, DEAD_LETTER_SCHEMA, DEAD_LETTERS, type DeadLetter } from './dead-letters.ts'
import { Epoch, type EpochContext } from './epoch.ts'
import type { EpochInput } from './epoch-input.ts'
import type { Ledger } from './ledger.ts'
import type { EpochStep } from './options.ts'
import type { SinkQueue } from './outbox.ts'
import { removeStaged, stagedName, stageRows } from './staging.ts'
import type { StateStore } from './state.ts'

/** Fold the write-ahead log into the state file once it is this large. */
const WAL_BYTES = 16 * 1024 * 1024

export interface EpochDemand {
  /** Raise the watermark to infinity and mark the pipeline finished. */
  readonly drain?: boolean
  /** Close every open batch. */
  readonly flush?: boolean
}

export interface CommitterOptions {
  readonly context: EpochContext
  /** Connections side by side, each with an input table of its own, for as many epochs to be under way at a time. */
  readonly lanes: readonly EpochContext[]
  readonly ledger: Ledger
  /** Every sink's queue, the dead letters' among them. */
  readonly queues: readonly SinkQueue[]
  readonly step: (step: EpochStep, when: 'before' | 'after', epoch: number) => void
  readonly onCommitted: (rows: number) => void
}

/** The only writer of the state: one transaction at a time, an epoch's or a restaged batch's. */
export class Committer {
  readonly #options: CommitterOptions
  /** Positions as they stood after each epoch that some sink does not hold yet, oldest first. */
  #snapshots: { epoch: number; positions: Map<string, Position> }[] = []
  #last: Promise<unknown> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  /** The epochs that have been decoded or are being so, by their lane. */
  readonly #inLanes: Promise<void>[]
  #nextLane = 0

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#inLanes = options.lanes.map(() => Promise.resolve())
  }

  /** Resolves when an epoch can be begun without waiting for others; never rejects. */
  get room(): Promise<void> {
    return this.#inLanes[this.#nextLane] as Promise<void>
  }

  /**
   * Decodes an epoch's records, beside those before it, and commits them when its turn has come. Call when there is `room`.
   * When it throws, nothing of it happened, and nothing after it will.
   */
  epoch(input: EpochInput, now: number, demand: EpochDemand = {}): Promise<void> {
    const lane = this.#nextLane
    this.#nextLane = (lane + 1) % this.#inLanes.length
    const epoch = new Epoch(this.#options.lanes[lane] as EpochContext, input)
    const decoding = epoch.decode()
    const committing = this.#commit(epoch, decoding, now, demand)
    // Both: a failure before it must not let go of a lane that is still being decoded into.
    this.#inLanes[lane] = Promise.allSettled([decoding, committing]).then(() => undefined)
    return committing
  }

  #commit(epoch: Epoch, decoding: Promise<void>, now: number, demand: EpochDemand): Promise<void> {
    return this.#exclusively(async () => {
      await decoding
      const { ledger, queues, step, onCommitted } = this.#options
      const { context, input } = epoch
      ledger.begin(now)
      const number = ledger.epoch
      const forgotten = new Map<SinkQueue, number>()
      let rows = 0
      step('run', 'before', number)
      await epoch.begin(number, ledger.clock)
      await context.state.transaction(
        async () => {
          const ran = await epoch.run(demand.drain === true)
          step('run', 'after', number)
          step('stage', 'before', number)
          const outcome = await epoch.stage(ran)
          step('stage', 'after', number)
          ledger.add(input, outcome)
          rows = outcome.staged.reduce((sum, { files }) => sum + files.reduce((all, file) => all + file.rows, 0), 0)
          if (demand.drain === true) ledger.finished = true
          const staged = [
            ...outcome.staged,
            { sink: DEAD_LETTERS, schema: DEAD_LETTER_SCHEMA, files: outcome.deadFiles },
          ]
          for (const queue of queues) {
            const own = staged.find((s) => s.sink === queue.name)
            await this.#settle(context.state, queue, own, demand.flush === true || demand.drain === true, forgotten)
          }
          await context.state.writeCheckpoint(ledger.checkpoint(queues, context.watermarks, forgotten))
        },
        () => step('commit', 'before', number),
      )
      for (const queue of queues) queue.committed(number)
      step('commit', 'after', number)
      this.#snapshots.push({ epoch: number, positions: new Map(ledger.positions) })
      await this.#cleanUp(forgotten)
      await context.state.checkpointIfLarge(WAL_BYTES)
      onCommitted(rows)
    })
  }

  /** Stages a batch again without the rows that its target refuses; those become dead letters in the same commit. */
  restage(queue: SinkQueue, batch: Batch, error: RowsRejectedError): Promise<void> {
    return this.#exclusively(async () => {
      const { context, ledger, queues } = this.#options
      const { state } = context
      const letters = queues.find((candidate) => candidate.name === DEAD_LETTERS) as SinkQueue
      // A name of its own each time: the files that are read must not be those that are written.
      const attempt = `${stagedName(context.pipeline, queue.name, context.incarnation, ledger.epoch)}-again-${randomUUID()}`
      await state.transaction(async () => {
        const refused = await refusedRows(state.connection, batch, queue, error)
        await state.connection.run('CREATE OR REPLACE TEMP TABLE _refused (row BIGINT)')
        await state.connection.run('INSERT INTO _refused SELECT unnest($1::BIGINT[])', [
          `[${error.rows.map(({ row }) => row).join(',')}]`,
        ])
        const kept = `SELECT * EXCLUDE (_number) FROM (${numbered(batch, queue)}) WHERE _number NOT IN (SELECT row FROM _refused) ORDER BY _number`
        const directory = directoryOf(queue)
        const files = await stageRows(
          state.connection,
          kept,
          batch.schema,
          { ...queue.staging, partitionBy: [] },
          {
            directory,
            name: attempt,
            evenEmpty: true,
          },
        )
        const epoch = queue.next()?.fragments[0]?.epoch ?? ledger.epoch
        const fragments = files.map((file) => ({
          ...file,
          sink: queue.name,
          sequence: batch.id.sequence,
          epoch,
          schema: batch.schema,
        }))
        const select = await collectDeadLetters(state.connection, refused, ledger.epoch, ledger.clock)
        const dead = await stageRows(state.connection, select, DEAD_LETTER_SCHEMA, letters.staging, {
          directory: directoryOf(letters),
          name: `${attempt}-dead`,
        })
        await state.dropBatch(queue.name, batch.id.sequence)
        await state.addFragments([...fragments, ...letters.add(ledger.epoch, ledger.clock, DEAD_LETTER_SCHEMA, dead)])
        letters.close()
        queue.restaged(fragments)
        const totals = ledger.counts.sinks[queue.name]
        if (totals !== undefined) {
          totals.rejected += error.rows.length
          totals.rows -= error.rows.length
        }
        await state.writeCheckpoint(ledger.checkpoint(queues, context.watermarks, new Map()))
      })
      for (const own of queues) own.committed(ledger.epoch)
      await removeStaged(batch.files)
      this.#options.onCommitted(0)
    })
  }

  /** Commits what the sinks hold by now, so that the next run need not publish it again to find out. */
  forget(): Promise<void> {
    return this.#exclusively(async () => {
      const { context, ledger, queues } = this.#options
      const forgotten = new Map<SinkQueue, number>()
      if (queues.every((queue) => queue.forgettable === undefined)) return
      await context.state.transaction(async () => {
        for (const queue of queues) await this.#forget(context.state, queue, forgotten)
        await context.state.writeCheckpoint(ledger.checkpoint(queues, context.watermarks, forgotten))
      })
      await this.#cleanUp(forgotten)
    })
  }

  /** The newest positions of which every sink holds all; undefined when there are none since the last call. */
  acknowledgeable(): { epoch: number; positions: ReadonlyMap<string, Position> } | undefined {
    const { queues, ledger } = this.#options
    const durable = Math.min(...queues.map((queue) => queue.durableEpoch(ledger.epoch)))
    const reached = this.#snapshots.findLast((snapshot) => snapshot.epoch <= durable)
    if (reached !== undefined) this.#snapshots = this.#snapshots.filter((snapshot) => snapshot.epoch > reached.epoch)
    return reached
  }

  /** Waits for the epochs and transactions under way. */
  async settled(): Promise<void> {
    await Promise.all([this.#last, ...this.#inLanes])
  }

  async #settle(
    state: StateStore,
    queue: SinkQueue,
    own: { schema: readonly Field[]; files: readonly StagedFile[] } | undefined,
    flush: boolean,
    forgotten: Map<SinkQueue, number>,
  ): Promise<void> {
    const { ledger } = this.#options
    if (own !== undefined && own.files.length > 0) {
      if (queue.openSchema !== undefined && JSON.stringify(queue.openSchema) !== JSON.stringify(own.schema))
        queue.close()
      await state.addFragments(queue.add(ledger.epoch, ledger.clock, own.schema, own.files))
    }
    if (flush || queue.due(ledger.clock)) queue.close()
    await this.#forget(state, queue, forgotten)
  }

  async #forget(state: StateStore, queue: SinkQueue, forgotten: Map<SinkQueue, number>): Promise<void> {
    const sequence = queue.forgettable
    if (sequence === undefined) return
    forgotten.set(queue, sequence)
    await state.forgetFragments(queue.name, sequence)
  }

  async #cleanUp(forgotten: ReadonlyMap<SinkQueue, number>): Promise<void> {
    for (const [queue, sequence] of forgotten) await removeStaged(queue.forgot(sequence))
  }

  /**
   * One after the other, and nothing after a failure: the ledger, the queues and the watermarks then hold what was never
   * committed, and the next commit would make it true.
   */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(async () => {
      if (this.#failure !== undefined) throw this.#failure.error
      return await work()
    })
    this.#last = next.catch((error: unknown) => {
      this.#failure ??= { error }
    })
    return next
  }
}

function directoryOf(queue: SinkQueue): string {
  return queue.staging.directory
}

/** The batch's rows with their number in it, from 0. */
function numbered(batch: Batch, queue: SinkQueue): string {
  return `SELECT *, row_number() OVER () - 1 AS _number FROM (${planRead(batch.schema, batch.files, queue.staging.format)})`
}

async function refusedRows(
  connection: Connection,
  batch: Batch,
  queue: SinkQueue,
  error: RowsRejectedError,
): Promise<DeadLetter[]> {
  const reasons = new Map(error.rows.map(({ row, reason }) => [row, reason]))
  const numbers = [...reasons.keys()].join(',')
  const columns = batch.schema.map((column) => quoteIdentifier(column.name)).join(', ')
  const rows = await connection.rows<Row & { _number: number }>(
    `SELECT ${columns}, _number::DOUBLE AS _number FROM (${numbered(batch, queue)}) WHERE _number IN (${numbers}) ORDER BY _number`,
  )
  return rows.map(({ _number, ...row }) => ({
    partition: `${queue.name}/${batch.id.sequence}`,
    ordinal: _number,
    timestamp: null,
    key: null,
    value: new TextEncoder().encode(JSON.stringify(row)),
    code: error.code,
    reason: reasons.get(_number) ?? '',
    step: queue.name,
  }))
}
