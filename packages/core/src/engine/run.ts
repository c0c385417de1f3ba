import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Database, failureOf } from '../duckdb/index.ts'
import { dataFolderFailure, HeadraceError, InternalError } from '../errors/index.ts'
import type { PipelinePlan, Positions } from '../model/index.ts'
import { preloadAdapters } from './adapters.ts'
import { OutOfMemoryError, StepFailedError } from './errors.ts'
import { pathOfStep, withPlace } from './failure-place.ts'
import { threadsFor } from './lanes.ts'
import type { RunOptions, RunResult } from './options.ts'
import { planChecked } from './plan-checked.ts'
import { Session } from './session.ts'
import { StateStore } from './state.ts'
import { problemOf } from './status-board.ts'

/** How long publications may go on after the user asked to stop. */
const GRACE_MS = 3000

/**
 * Runs one pipeline to its end: plans its SQL, opens its state (one run at a time), goes on where the last commit stands.
 * Throws PIPELINE_INVALID, PIPELINE_RUNNING, PIPELINE_CHANGED, what its source and sinks throw, or STEP_FAILED; whatever it
 * throws, the state stands as after the last commit.
 */
export async function runPipeline(options: RunOptions): Promise<RunResult> {
  const { config } = options
  const dataDirectory = resolve(options.dataDirectory)
  preloadAdapters(options)
  const plan = await planOf(options)
  const directory = join(dataDirectory, 'pipelines', config.name)
  const state = await StateStore.open(config.name, directory, {
    threads: options.threads ?? threadsFor(),
    memoryLimit: options.memoryLimit,
  })
  // DuckDB would spill to the working directory, where other pipelines' files have the same names.
  const reading = await Database.open(undefined, { threads: 1, tempDirectory: join(directory, 'spill-reading') })
  let session: Session | undefined
  try {
    session = await Session.open({ ...options, dataDirectory, plan, state, reading, directory })
    if (!session.finished) await work(session, options)
    await finishPublishing(session, options.signal)
    return { status: await session.end(session.finished ? 'finished' : 'stopped') }
  } catch (error) {
    const failure = asHeadraceError(error, directory)
    if (failure instanceof StepFailedError) withPlace(failure, config, pathOfStep(config, failure.step))
    await session?.end('failed', problemOf(failure))
    throw failure
  } finally {
    await session?.close()
    reading.close()
    state.close()
  }
}

async function planOf(options: RunOptions): Promise<PipelinePlan> {
  return planChecked(options.config, options.adapters)
}

/** The epoch loop. */
async function work(session: Session, options: RunOptions): Promise<void> {
  const { mode, drain, signal } = options
  const goal = await begin(session, options)
  while (!signal.aborted) {
    session.check()
    const last = session.isLast(mode, goal)
    if (last) break
    if (session.held()) await session.waitForNews(1000)
    else if (session.due()) await session.epoch()
    else await session.waitForNews(session.msUntilDue(mode))
  }
  if (signal.aborted) return
  session.log({ level: 'debug', message: drain ? 'draining' : 'flushing' })
  await session.finish(drain)
}

/** Starts reading; gives where a run with the mode `once` ends. A signal that comes meanwhile is no failure. */
async function begin(session: Session, { mode, signal }: RunOptions): Promise<Positions | undefined> {
  try {
    await session.startReading()
    return mode.kind === 'once' ? await session.reader.source.ends() : undefined
  } catch (error) {
    // A sink that cannot go on ends the reading too, and is what there is to tell.
    session.check()
    if (signal.aborted) return undefined
    throw error
  }
}

/** Waits until every sink holds all: as long as it takes, or a moment after the user asked to stop. */
async function finishPublishing(session: Session, signal: AbortSignal): Promise<void> {
  const drained = session.drained()
  if (!signal.aborted) {
    const stop = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([drained, stop])
  }
  if (signal.aborted) await Promise.race([drained, delay(GRACE_MS, undefined, { ref: false })])
  session.check()
}

/** `directory`: what the engine itself writes to, where the error names nothing. */
function asHeadraceError(error: unknown, directory: string): HeadraceError {
  if (error instanceof HeadraceError) return error
  const refused = dataFolderFailure(error, directory)
  if (refused !== undefined) return refused
  const { kind, message } = failureOf(error)
  if (kind === 'Out of Memory')
    return new OutOfMemoryError({ reason: message.split('\n', 1)[0] as string }, { cause: error })
  return new InternalError({ reason: error instanceof Error ? error.message : String(error) }, { cause: error })
}
