import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { STEPS, type StepKill } from '../recovery/job.ts'
import { liveOnce } from '../recovery/one-life.ts'
import { BrokerProcess } from '../support/broker-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { readCases } from './golden-case.ts'
import { readExpected, readOutcome } from './outcome.ts'
import { planStops } from './planned-run.ts'
import { GoldenTopic, inFolder } from './run-golden.ts'

const temporary = temporaryFolder('headrace-golden-broker-')
let broker: BrokerProcess
beforeAll(async () => {
  broker = await BrokerProcess.start(join(temporary(), 'broker'))
})
afterAll(() => broker?.stop())

const SIDES = ['before', 'after'] as const
/** What every life comes to, and what the last one does, which fires and publishes all. */
const EARLY = STEPS.slice(0, 4).flatMap((step) => SIDES.map((when) => ({ step, when })))
const LATE = STEPS.slice(2).flatMap((step) => SIDES.map((when) => ({ step, when })))

const cases = readCases().map((golden, i) => {
  const early: StepKill = { ...(EARLY[i % EARLY.length] as (typeof EARLY)[number]), occurrence: 1 }
  const late: StepKill = { ...(LATE[(i * 3 + 4) % LATE.length] as (typeof LATE)[number]), occurrence: 1 }
  return { golden, early, late, title: `${golden.name}: ${early.when} ${early.step}, and ${late.when} ${late.step}` }
})

it.each(cases)('gives what is expected when it is killed, $title', async ({ golden, early, late }) => {
  const topic = await GoldenTopic.open(golden, broker.address)
  await inFolder(async (folder) => {
    const dataDirectory = join(folder, 'data')
    const live = (drain: boolean, kill?: StepKill) => {
      const connections = { kafka: { bootstrap: broker.address, clientId: 'golden' }, postgres: undefined }
      const job = { pipeline: golden.pipeline, connections, dataDirectory, drain }
      return liveOnce(kill === undefined ? job : { ...job, kill }, folder)
    }
    const [first, ...runs] = planStops(golden, [0.5])
    await topic.fill(first?.ends ?? [])
    expect((await live(false, early)).killed).toBe(true)
    for (const { ends, drain, wholeStage } of runs) {
      await topic.fill(ends)
      if (drain) expect((await live(true, late)).killed).toBe(true)
      else if (wholeStage) await live(false)
    }
    const { status } = await live(true)
    if (status === undefined) throw new Error('the last life was killed by somebody else')
    expect(await readOutcome(golden, dataDirectory, status)).toEqual(readExpected(golden))
  })
  topic.close()
})
