import type { PipelineStatus } from '@headrace/core'
import type { SentSummary } from '../generator/summary.ts'
import { formatCount } from '../output/format.ts'
import { AlreadyReported } from '../output/report-error.ts'
import { type DevServices, startDevServices } from '../services/index.ts'
import {
  type DeadLetterReport,
  judgeStores,
  openStores,
  recountTopic,
  reportDeadLetters,
  showBusiest,
} from './check.ts'
import { prepareDemoFolder } from './demo-folder.ts'
import {
  sayBacklog,
  sayBeginning,
  sayDeadLetters,
  sayPipeline,
  sayRecount,
  sayServices,
  sayVerdict,
} from './demo-report.ts'
import type { DemoScreen } from './demo-screen.ts'
import { type DemoPipeline, loadDemoPipeline, runDemoPipeline } from './pipeline.ts'
import { backlogPlan, livePlan, produce } from './produce.ts'
import { topicRecords } from './read-topic.ts'
import type { Verdict } from './verdict.ts'

export interface DemoOptions {
  readonly folder: string
  readonly count: number
  readonly seed: number
  /** Go on with a live stream after the check, until the signal. */
  readonly keep: boolean
  /** Take up what the last demo left: nothing is produced again, and the pipeline goes on where it stopped. */
  readonly keepData: boolean
  /** Orders a second of the live stream. */
  readonly liveRate: number
}

export interface DemoOutcome {
  readonly pipeline: DemoPipeline
  /** Absent where kept data was taken up. */
  readonly sent?: SentSummary
  /** As it was at the check. */
  readonly status: PipelineStatus
  readonly verdict: Verdict
  readonly deadLetters: DeadLetterReport
}

/** What the parts of a demo work with. */
interface Demo {
  readonly options: DemoOptions
  readonly pipeline: DemoPipeline
  readonly services: DevServices
  readonly screen: DemoScreen
  readonly signal: AbortSignal
}

/**
 * The whole demo: services, orders, pipeline, results, and a recount that must agree. The services are stopped again
 * whatever happens. An interruption ends it cleanly, with exit code 0.
 */
export async function runDemo(options: DemoOptions, screen: DemoScreen, signal: AbortSignal): Promise<DemoOutcome> {
  const pipeline = await loadDemoPipeline()
  screen.write(sayBeginning(options.folder, pipeline.file, screen.colors))
  await prepareDemoFolder(options.folder, options.keepData)
  const services = await screen.step(() => startServices(options.folder), sayServices)
  const demo: Demo = { options, pipeline, services, screen, signal }
  try {
    const sent = await untilInterrupted(signal, () => produceBacklog(demo))
    const status = await untilInterrupted(signal, () => runBacklog(demo))
    const checked = await untilInterrupted(signal, () => check(demo, status))
    if (options.keep) await goOnLive(demo)
    return { pipeline, ...(sent === undefined ? {} : { sent }), status, ...checked }
  } finally {
    screen.endLive()
    await services.stop()
  }
}

function startServices(folder: string): Promise<DevServices> {
  return startDevServices({ dataDirectory: folder, kafka: { port: 0 }, postgres: { durable: false } })
}

/** Does a part of the demo; where it was interrupted the rest is left out, which is no failure. */
async function untilInterrupted<T>(signal: AbortSignal, part: () => Promise<T>): Promise<T> {
  const outcome = await part()
  if (signal.aborted) throw new AlreadyReported(0)
  return outcome
}

async function produceBacklog({ options, services, screen, signal }: Demo): Promise<SentSummary | undefined> {
  const { count, seed, keepData } = options
  const { bootstrap } = services.broker
  if (keepData) {
    const kept = await topicRecords(bootstrap)
    if (kept > 0) {
      screen.write(`${screen.colors.green('✓')} ${formatCount(kept)} records are there from the last demo`)
      return undefined
    }
  }
  return await screen.step(
    () =>
      produce({
        bootstrap,
        plan: backlogPlan(count, seed),
        signal,
        onSent: (sent) => screen.progress(() => `${formatCount(sent.records)} of ${formatCount(count)} orders sent`),
      }),
    sayBacklog,
  )
}

/** A live stream follows only where the windows may stay open: a drained pipeline is finished. */
function runBacklog({ options, pipeline, services, screen, signal }: Demo): Promise<PipelineStatus> {
  return screen.step(
    () =>
      runDemoPipeline({
        config: pipeline.config,
        services,
        folder: options.folder,
        mode: { kind: 'once' },
        drain: !options.keep,
        signal,
        onStatus: (status) => screen.status(status),
        onLog: (text) => screen.write(text),
      }),
    (status) => sayPipeline(status, pipeline.file),
  )
}

async function check(
  { options, pipeline, services, screen }: Demo,
  status: PipelineStatus,
): Promise<Pick<DemoOutcome, 'verdict' | 'deadLetters'>> {
  const { stores, close } = await openStores(options.folder, services)
  try {
    for (const { name, shown } of await showBusiest(stores)) {
      screen.heading(`The busiest customers, from ${name}`)
      screen.table(shown)
    }
    screen.write('')
    const recount = await screen.step(() => recountTopic(services.broker.bootstrap, pipeline.config), sayRecount)
    const verdict = await judgeStores(stores, status, recount)
    screen.write(sayVerdict(verdict, screen.colors))
    const deadLetters = await reportDeadLetters(options.folder, pipeline.config.name)
    screen.write(sayDeadLetters(deadLetters, screen.colors))
    return { verdict, deadLetters }
  } finally {
    await close()
  }
}

/** Orders at the pace of real time and the pipeline beside them, until the signal; then both end cleanly. */
async function goOnLive({ options, pipeline, services, screen, signal }: Demo): Promise<void> {
  const { count, seed, liveRate, folder } = options
  screen.heading(`Going on with ${formatCount(liveRate)} orders a second; Ctrl-C ends it`)
  const plan = livePlan(backlogPlan(count, seed), liveRate, Date.now())
  // What ends one of the two by an error ends the other.
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const both = [
    produce({ bootstrap: services.broker.bootstrap, plan, rate: liveRate, signal: stop }),
    runDemoPipeline({
      config: pipeline.config,
      services,
      folder,
      mode: { kind: 'continuous' },
      drain: false,
      signal: stop,
      onStatus: (status) => screen.status(status),
      onLog: (text) => screen.write(text),
    }),
  ].map((part) =>
    part.catch((error: unknown) => {
      failed.abort()
      throw error
    }),
  )
  const results = await Promise.allSettled(both)
  screen.endLive()
  const broken = results.find((result) => result.status === 'rejected')
  if (broken !== undefined) throw broken.reason
  screen.write(`${screen.colors.green('✓')} ended cleanly`)
}
