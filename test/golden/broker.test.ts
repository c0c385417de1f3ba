import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { STEPS, type StepKill } from '../recovery/job.ts'
import { liveOnce } from '../recovery/one-life.ts'
import { BrokerProcess } from '../support/broker-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type GoldenCase, readCases } from './golden-case.ts'
import { readExpected, readOutcome } from './outcome.ts'
import { planStops, planStraight } from './planned-run.ts'
import { GoldenTopic, goOn, inFolder, runFromBroker } from './run-golden.ts'

const temporary = temporaryFolder('headrace-golden-broker-')
// Two brokers, because `_partition` holds the topic's name: both tests of a case read the same topic.
let brokers: BrokerProcess[] = []
beforeAll(async () => {
  brokers = await Promise.all(['a', 'b'].map((name) => BrokerProcess.start(join(temporary(), name))))
})
afterAll(() => Promise.all(brokers.map((broker) => broker.stop())))

async function openTopic(golden: GoldenCase, broker: number): Promise<GoldenTopic> {
  const topic = await GoldenTopic.open(golden, brokers[broker]?.address ?? '')
  onTestFinished(() => topic.close())
  return topic
}

const SIDES = ['before', 'after'] as const
/** What every life comes to, and what the last one does, which fires and publishes all. */
const EARLY = STEPS.slice(0, 4).flatMap((step) => SIDES.map((when) => ({ step, when })))
const LATE = STEPS.slice(2).flatMap((step) => SIDES.map((when) => ({ step, when })))

const cases = readCases().map((golden, i) => {
  const early: StepKill = { ...(EARLY[i % EARLY.length] as (typeof EARLY)[number]), occurrence: 1 }
  const late: StepKill = { ...(LATE[(i * 3 + 4) % LATE.length] as (typeof LATE)[number]), occurrence: 1 }
  return { golden, early, late, title: `${golden.name}: ${early.when} ${early.step}, and ${late.when} ${late.step}` }
})

it.each(cases)('gives what is expected, straight from the broker: $golden.name', async ({ golden }) => {
  const topic = await openTopic(golden, 0)
  expect(await runFromBroker(golden, planStraight(golden), topic)).toEqual(readExpected(golden))
})

it.each(cases)('gives the same when it is killed, $title', async ({ golden, early, late }) => {
  const topic = await openTopic(golden, 1)
  await inFolder(async (folder) => {
    const dataDirectory = join(folder, 'data')
    const killedLife = async (drain: boolean, kill: StepKill) => {
      const connections = { kafka: topic.connection, postgres: undefined }
      const { killed } = await liveOnce({ pipeline: golden.pipeline, connections, dataDirectory, drain, kill }, folder)
      expect(killed).toBe(true)
    }
    const [first, second, ...runs] = planStops(golden, [0.3, 0.6])
    await topic.fill(first?.ends ?? [])
    await goOn(golden, topic, dataDirectory, false)
    await topic.fill(second?.ends ?? [])
    await killedLife(false, early)
    for (const { ends, drain, wholeStage } of runs) {
      await topic.fill(ends)
      if (drain) await killedLife(true, late)
      else if (wholeStage) await goOn(golden, topic, dataDirectory, false)
    }
    const status = await goOn(golden, topic, dataDirectory, true)
    expect(await readOutcome(golden, dataDirectory, status)).toEqual(readExpected(golden))
  })
})
