import type { Decoded, Decoder } from '../decode/decoder.ts'
import { failureOf, quoteIdentifier } from '../duckdb/index.ts'
import { HeadraceError, sinkFolderFailure } from '../errors/index.ts'
import {
  copyOf,
  EpochRecords,
  type Field,
  type InputPlan,
  type Judgement,
  judge,
  LAST_TIME_MS,
  type PipelinePlan,
  type SinkPlan,
  type StagedFile,
  suspectChunks,
  type Watermarks,
  type WindowPlan,
} from '../model/index.ts'
import { METADATA_TYPES } from '../sql/index.ts'
import { collectDeadLetters, DEAD_LETTER_SCHEMA, DEAD_LETTERS, type DeadLetter } from './dead-letters.ts'
import type { EpochInput } from './epoch-input.ts'
import { EventTimeAheadError, EventTimeMissingError, RecordLateError, StepFailedError } from './errors.ts'
import { EventTimes, rowRanges, rowTimestamps } from './event-time.ts'
import type { OpenWindows } from './open-windows.ts'
import { stagedName, stageRows } from './staging.ts'
import type { StateStore, WindowTotals } from './state.ts'
import { accumulate, emptyOutput, fire } from './windows.ts'

const INPUT_TABLE = '_input'

interface EpochTarget {
  readonly plan: SinkPlan
  readonly staging: { readonly directory: string } & Parameters<typeof stageRows>[3]
}

export interface EpochContext {
  readonly pipeline: string
  readonly incarnation: string
  readonly plan: PipelinePlan
  readonly state: StateStore
  readonly decoder: Decoder
  readonly watermarks: Watermarks | undefined
  /** By the window's name. */
  readonly openWindows: ReadonlyMap<string, OpenWindows>
  readonly targets: readonly EpochTarget[]
  readonly deadLetters: EpochTarget['staging']
  readonly spoolFile: string
}

export interface EpochRows {
  readonly decoded: number
  readonly dead: number
  /** Whether a window gave out rows. */
  readonly fired: boolean
}

/** What an epoch did, before its commit: the caller writes it into the checkpoint. */
export interface EpochOutcome {
  readonly decoded: number
  readonly dead: number
  readonly windows: Readonly<Record<string, WindowTotals>>
  readonly staged: readonly {
    readonly sink: string
    readonly schema: readonly Field[]
    readonly files: readonly StagedFile[]
  }[]
  readonly deadFiles: readonly StagedFile[]
  readonly deadLetters: number
}

/** Makes the views and tables that every epoch works on. Once per session. */
export async function prepareSession({ state, plan }: Pick<EpochContext, 'state' | 'plan'>): Promise<void> {
  const { connection } = state
  const { input, relations } = plan
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${INPUT_TABLE} (${inputColumns(input)})`)
  await connection.run(`CREATE OR REPLACE TEMP VIEW input AS SELECT *, rowid AS _row FROM ${INPUT_TABLE}`)
  for (const relation of relations) {
    if (relation.kind === 'window') await emptyOutput(connection, relation)
    else await connection.run(`CREATE OR REPLACE TEMP VIEW ${quoteIdentifier(relation.name)} AS ${relation.sql}`)
  }
}

function inputColumns(input: InputPlan): string {
  return [
    ...input.columns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`),
    ...input.metadata.map((name) => `${name} ${METADATA_TYPES[name]}`),
  ].join(', ')
}

/** One epoch's work inside the state's transaction: decode, judge times, update and fire windows, stage every sink's rows. */
export class Epoch {
  readonly #context: EpochContext
  readonly #input: EpochInput
  readonly #records: EpochRecords
  #decoded: Decoded | undefined
  #judged: Judgement | undefined
  #number = 0
  #clock = 0
  readonly #letters: DeadLetter[] = []
  readonly #windows: Record<string, WindowTotals> = {}
  #times: EventTimes | undefined

  constructor(context: EpochContext, input: EpochInput) {
    this.#context = context
    this.#input = input
    this.#records = new EpochRecords(input.blocks)
  }

  get input(): EpochInput {
    return this.#input
  }

  get context(): EpochContext {
    return this.#context
  }

  /**
   * Reads the records into the input table of this epoch's lane, and their times. It looks at nothing that the epoch before
   * changes, so it may run while that one is being committed. And it comes before the transaction: a record that cannot be
   * decoded may show itself by a failing statement, which would end one.
   */
  async decode(): Promise<void> {
    if (this.#records.count === 0) return
    const { plan, state, decoder, spoolFile } = this.#context
    const decoded = await decoder.decode({
      connection: state.connection,
      table: INPUT_TABLE,
      columns: plan.input.columns,
      required: plan.input.required,
      metadata: plan.input.metadata,
      records: this.#records,
      spoolFile,
    })
    for (const { record, code, reason } of decoded.rejected) this.#reject(record, code, reason, 'decode')
    const time = plan.input.eventTime
    // Without event times no record can turn out to be late: all that must be known of them is known.
    if (time === undefined) this.#records.release()
    else {
      const ranges = rowRanges(this.#records, decoded)
      this.#times = await EventTimes.read(state.connection, INPUT_TABLE, time, decoded.rows, ranges)
    }
    this.#decoded = decoded
  }

  /** The epoch before is committed: judges the records' times by where the watermarks stand now. Before the transaction. */
  async begin(number: number, clock: number): Promise<void> {
    this.#number = number
    this.#clock = clock
    this.#applyAssignments()
    if (this.#decoded !== undefined && this.#context.watermarks !== undefined) {
      this.#judged = await this.#judge(this.#decoded, this.#context.watermarks)
    }
  }

  /** Updates the windows and fires those that are due; with `drain` all of them. Releases the records. */
  async run(drain: boolean): Promise<EpochRows> {
    const { watermarks } = this.#context
    const judged = this.#judged
    const unusable = judged === undefined ? 0 : judged.missing.length + judged.ahead.length
    const rows = (this.#decoded?.rows ?? 0) - unusable
    if (this.#decoded !== undefined) {
      await this.#accumulate(this.#decoded, judged)
      for (const [partition, maxTime] of judged?.maxTimes ?? []) watermarks?.advance(partition, maxTime)
    }
    this.#applyIdleness()
    const fired = await this.#fire(drain)
    const dead = this.#records.count - rows
    this.#records.release()
    return { decoded: rows, dead, fired }
  }

  /** Writes what each sink shall get, and the dead letters, to files. */
  async stage(ran: EpochRows): Promise<EpochOutcome> {
    const { state, targets, plan, deadLetters } = this.#context
    const staged: { sink: string; schema: readonly Field[]; files: StagedFile[] }[] = []
    const perRow = new Set([
      'input',
      ...plan.relations.filter((r) => r.kind === 'select' && r.perRow).map((r) => r.name),
    ])
    for (const target of targets) {
      const { name, relation, columns } = target.plan
      if (perRow.has(relation) ? ran.decoded === 0 : !ran.fired) continue
      const select = `SELECT ${columns.map((column) => quoteIdentifier(column.name)).join(', ')} FROM ${quoteIdentifier(relation)}`
      const { directory } = target.staging
      const files = await this.#guard(relation, () =>
        stageRows(state.connection, select, columns, target.staging, this.#target(name, directory)).catch((error) => {
          throw sinkFolderFailure(error, directory) ?? error
        }),
      )
      staged.push({ sink: name, schema: columns, files })
    }
    let deadFiles: StagedFile[] = []
    if (this.#letters.length > 0) {
      const select = await collectDeadLetters(state.connection, this.#letters, this.#number, this.#clock)
      const target = this.#target(DEAD_LETTERS, deadLetters.directory)
      deadFiles = await stageRows(state.connection, select, DEAD_LETTER_SCHEMA, deadLetters, target)
    }
    return {
      decoded: ran.decoded,
      dead: ran.dead,
      windows: this.#windows,
      staged,
      deadFiles,
      deadLetters: this.#letters.length,
    }
  }

  #target(sink: string, directory: string): { directory: string; name: string } {
    const { pipeline, incarnation } = this.#context
    return { directory, name: stagedName(pipeline, sink, incarnation, this.#number) }
  }

  #applyAssignments(): void {
    const { watermarks } = this.#context
    const input = this.#input
    if (watermarks === undefined) return
    if (input.known !== undefined) watermarks.keepOnly(new Set(input.known))
    for (const partition of input.assigned) watermarks.assign(partition)
    for (const block of input.blocks) watermarks.seenRecords(block.partition)
  }

  #applyIdleness(): void {
    const { watermarks } = this.#context
    const input = this.#input
    if (watermarks === undefined) return
    for (const [partition, { since, until }] of input.atEnd) {
      watermarks.seenEnd(partition, since)
      watermarks.seenEnd(partition, until)
    }
    for (const partition of input.ended) watermarks.end(partition)
    for (const partition of input.revoked) watermarks.revoke(partition)
  }

  async #judge(decoded: Decoded, watermarks: Watermarks): Promise<Judgement> {
    const { plan, state } = this.#context
    const time = plan.input.eventTime
    if (time === undefined || this.#times === undefined) throw new Error('the pipeline has no event time')
    const { times, chunks } = this.#times
    const timestamps = rowTimestamps(this.#records, decoded)
    const epochTimes = { times, chunks, timestamps, ranges: rowRanges(this.#records, decoded) }
    const rules = {
      delayMs: time.delayMs,
      maxAheadMs: time.maxAheadMs,
      windows: this.#windowPlans().map((window) => window.window),
      horizon: watermarks.horizon,
      maxTime: (partition: string) => watermarks.maxTime(partition),
    }
    await this.#times.reveal(suspectChunks(epochTimes, rules))
    const judged = judge(epochTimes, rules)
    for (const row of judged.missing) {
      this.#rejectRow(decoded, row, new EventTimeMissingError({ column: time.column }), 'watermark')
    }
    for (const row of judged.ahead) {
      const details = { column: time.column, time: isoTime(times[row]), timestamp: isoTime(timestamps[row]) }
      this.#rejectRow(decoded, row, new EventTimeAheadError(details), 'watermark')
    }
    const unusable = [...judged.missing, ...judged.ahead]
    if (unusable.length > 0) {
      await state.connection.run(`DELETE FROM ${INPUT_TABLE} WHERE rowid IN (SELECT unnest($1::BIGINT[]))`, [
        `[${unusable.join(',')}]`,
      ])
    }
    return judged
  }

  async #accumulate(decoded: Decoded, judged: Judgement | undefined): Promise<void> {
    const { state, plan } = this.#context
    for (const [w, window] of this.#windowPlans().entries()) {
      const byPartition = judged?.late[w] ?? []
      const behindHorizon = new Set(judged?.behindHorizon[w])
      const tooLate = behindHorizon.size === 0 ? byPartition : [...byPartition, ...behindHorizon]
      const { accepted, late } = await this.#guard(window.name, () =>
        accumulate(state.connection, window, this.#openWindows(window), tooLate),
      )
      // Only rows that reached the window: those that a step before it took away are filtered, whatever their time.
      const behind = behindHorizon.size === 0 ? 0 : late.filter((row) => behindHorizon.has(row)).length
      this.#windows[window.name] = { ...emptyTotals(), accepted, late: late.length - behind, behindHorizon: behind }
      if (plan.input.eventTime?.late !== 'deadLetters') continue
      for (const row of late) {
        const details = {
          window: window.name,
          time: isoTime(this.#times?.times[row]),
          behindHorizon: behindHorizon.has(row),
        }
        this.#rejectRow(decoded, row, new RecordLateError(details), window.name)
      }
    }
  }

  async #fire(drain: boolean): Promise<boolean> {
    const { state, watermarks } = this.#context
    if (watermarks === undefined) return false
    const watermark = drain ? Number.POSITIVE_INFINITY : watermarks.current()
    if (watermark === Number.NEGATIVE_INFINITY) return false
    const silent: WindowPlan[] = []
    for (const window of this.#windowPlans()) {
      const closed = this.#openWindows(window).close(watermark)
      if (closed === undefined) {
        silent.push(window)
        continue
      }
      const rows = await this.#guard(window.name, () => fire(state.connection, window, watermark))
      const totals = (this.#windows[window.name] ??= emptyTotals())
      totals.fired += closed.records
      totals.windowsClosed += closed.windows
      totals.rowsOut += rows
    }
    watermarks.actedOn(watermark)
    const any = silent.length < this.#windowPlans().length
    // Where nothing fired, nobody looks: what is staged then comes from the rows alone.
    if (any) for (const window of silent) await emptyOutput(state.connection, window)
    return any
  }

  #openWindows(window: WindowPlan): OpenWindows {
    return this.#context.openWindows.get(window.name) as OpenWindows
  }

  #windowPlans(): WindowPlan[] {
    return this.#context.plan.relations.filter((relation) => relation.kind === 'window')
  }

  #rejectRow(decoded: Decoded, row: number, error: HeadraceError, step: string): void {
    const record = decoded.recordOfRow === undefined ? row : (decoded.recordOfRow[row] as number)
    this.#reject(record, error.code, error.message, step)
  }

  #reject(record: number, code: string, reason: string, step: string): void {
    const { block, index } = this.#records.locate(record)
    const timestamp = block.timestamps[index] as number
    this.#letters.push({
      partition: block.partition,
      ordinal: block.ordinals[index] as number,
      timestamp: timestamp < 0 ? null : timestamp,
      key: block.keys === undefined ? null : copyOf(block.keys, index),
      value: copyOf(block.values, index),
      code,
      reason,
      step,
    })
  }

  /** Errors of the user's SQL on the data are the user's, with the step's name. */
  async #guard<T>(relation: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw translate(error, relation)
    }
  }
}

export function emptyTotals(): WindowTotals {
  return { accepted: 0, late: 0, behindHorizon: 0, fired: 0, windowsClosed: 0, rowsOut: 0 }
}

/** A DuckDB error as one of the catalogue. */
export function translate(error: unknown, relation: string): unknown {
  if (error instanceof HeadraceError) return error
  const { kind, message } = failureOf(error)
  if (kind === 'Conversion' || kind === 'Invalid Input' || kind === 'Out of Range' || kind === 'Constraint') {
    return new StepFailedError({ relation, reason: message }, { cause: error })
  }
  if (/: File name too long$/.test(message)) {
    const reason = 'a value is too long for the name of a partition’s folder, which may have 255 bytes'
    return new StepFailedError({ relation, reason }, { cause: error })
  }
  return error
}

function isoTime(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return 'unknown'
  return Math.abs(ms) <= LAST_TIME_MS ? new Date(ms).toISOString() : `${ms} ms`
}
