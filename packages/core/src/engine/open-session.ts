import { join } from 'node:path'
import { decoderFor, SPOOL_FILE, spoolFolder, tombstonesAsRows } from '../decode/index.ts'
import type { Database } from '../duckdb/index.ts'
import { sinkFolderFailure } from '../errors/index.ts'
import { type LogLine, type PipelinePlan, type Sink, type Source, Watermarks } from '../model/index.ts'
import { type RegistryConnection, registryConnection, SchemaRegistry } from '../registry/index.ts'
import { sinkFactory, sinkStaging, sourceFactory } from './adapters.ts'
import { DEAD_LETTERS, DeadLetterSink, deadLetterStaging } from './dead-letters.ts'
import type { EpochContext } from './epoch.ts'
import { PipelineChangedError } from './errors.ts'
import { pathOfSink, withPlace } from './failure-place.ts'
import { openLanes } from './lanes.ts'
import { Ledger } from './ledger.ts'
import { retryLine } from './log-lines.ts'
import { makeFolder } from './make-folder.ts'
import { OpenWindows } from './open-windows.ts'
import type { RunOptions } from './options.ts'
import { SinkQueue, type SinkStaging } from './outbox.ts'
import { outboxChange } from './outbox-changes.ts'
import { patientDecoder } from './patient-decoder.ts'
import { sweepStaged } from './staging.ts'
import type { Checkpoint, FragmentRecord, StateStore } from './state.ts'

export interface SessionOptions extends RunOptions {
  readonly plan: PipelinePlan
  readonly state: StateStore
  /** Reads staged files. */
  readonly reading: Database
  /** The pipeline's own folder. */
  readonly directory: string
}

/** What a session works with: everything that the state says, and how to make the rest. */
export interface SessionParts {
  readonly options: SessionOptions
  readonly context: EpochContext
  readonly lanes: readonly EpochContext[]
  readonly ledger: Ledger
  /** Every sink's queue, the dead letters' among them. */
  readonly queues: readonly SinkQueue[]
  readonly createSink: (queue: SinkQueue) => () => Promise<Sink>
  readonly createSource: () => Promise<Source>
}

/** Takes up a pipeline where its last commit stands: checks that the state fits the plan, sweeps what was never committed. */
export async function openParts(options: SessionOptions): Promise<SessionParts> {
  const { config, plan, state, directory } = options
  const last = await state.load()
  await state.prepare(config.name, plan, last)
  const setting = {
    ...options,
    lakeDirectory: join(options.dataDirectory, 'lake'),
    log: (line: LogLine) => options.observer?.log?.(line),
  }
  const outbox = join(directory, 'outbox')
  const stagings = new Map<string, SinkStaging>(
    config.sinks.map((sink) => [sink.name, sinkStaging(setting, sink, outbox)]),
  )
  stagings.set(DEAD_LETTERS, deadLetterStaging(directory))
  const names = config.sinks.map((sink) => sink.name)
  const ledger = new Ledger(plan, names, last)
  const fragments = await state.fragments()
  const change = outboxChange(fragments, stagings)
  if (change !== undefined) throw new PipelineChangedError({ pipeline: config.name, what: change })
  const queues = [...stagings].map(([name, staging]) => {
    const own = fragments.filter((fragment) => fragment.sink === name)
    return new SinkQueue(name, staging, own, last?.sinks[name])
  })
  // Before anything is staged: what a life leaves behind is swept by the next one only under the same incarnation.
  if (last === undefined) {
    await state.transaction(() => state.writeCheckpoint(ledger.checkpoint(queues, undefined, new Map())))
  }
  for (const queue of queues) await openStaging(options, queue, ledger.incarnation, fragments)
  const spool = await spoolFolder(directory, config.trigger.maxBytes)
  const openWindows = new Map<string, OpenWindows>()
  for (const relation of plan.relations) {
    if (relation.kind === 'window') openWindows.set(relation.name, await OpenWindows.read(state.connection, relation))
  }
  const context: EpochContext = {
    pipeline: config.name,
    incarnation: ledger.incarnation,
    plan,
    state,
    decoder: await sourceDecoder(options, setting.log),
    watermarks: restoreWatermarks(plan, last),
    targets: plan.sinks.map((sink) => ({ plan: sink, staging: stagings.get(sink.name) as SinkStaging })),
    deadLetters: stagings.get(DEAD_LETTERS) as SinkStaging,
    openWindows,
    spoolFile: join(spool, SPOOL_FILE),
  }
  const lanes = await openLanes(context)
  const factories = new Map(config.sinks.map((sink) => [sink.name, sinkFactory(setting, sink, plan)]))
  const deadLetterSink = async () => new DeadLetterSink(directory)
  return {
    options,
    context,
    lanes,
    ledger,
    queues,
    createSink: (queue) => factories.get(queue.name) ?? deadLetterSink,
    createSource: sourceFactory(setting, plan, ledger.incarnation),
  }
}

async function sourceDecoder({ config, connection, signal }: SessionOptions, log: (line: LogLine) => void) {
  const { type, defaultName } = registryConnection
  const registry = (name = defaultName) => new SchemaRegistry(connection(type, name) as RegistryConnection)
  const decoder = await decoderFor(config.source.decode, registry)
  const wanted = config.source.tombstones === 'rows' ? tombstonesAsRows(decoder) : decoder
  return patientDecoder(wanted, { signal, onProblem: (problem) => log(retryLine('decoding', problem)) })
}

async function openStaging(
  { config }: SessionOptions,
  queue: SinkQueue,
  incarnation: string,
  fragments: readonly FragmentRecord[],
): Promise<void> {
  const staged = queue.staging.directory
  try {
    await makeFolder(staged)
    await sweepStaged(staged, config.name, queue.name, incarnation, fragments)
  } catch (error) {
    throw withPlace(sinkFolderFailure(error, staged) ?? error, config, pathOfSink(config, queue.name))
  }
}

function restoreWatermarks(plan: PipelinePlan, last: Checkpoint | undefined): Watermarks | undefined {
  if (plan.input.eventTime === undefined) return undefined
  const { delayMs, idleTimeoutMs } = plan.input.eventTime
  const watermarks = new Watermarks({ delayMs, idleTimeoutMs, horizon: last?.horizon ?? null })
  for (const [partition, clock] of Object.entries(last?.clocks ?? {})) watermarks.assign(partition, clock)
  return watermarks
}
