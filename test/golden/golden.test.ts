import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BrokerProcess } from '../support/broker-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { readCases } from './golden-case.ts'
import { readExpected } from './outcome.ts'
import { planPartitionByPartition, planStops, planStraight } from './planned-run.ts'
import { runFromBroker, runFromMemory } from './run-golden.ts'

const temporary = temporaryFolder('headrace-golden-broker-')
let broker: BrokerProcess
beforeAll(async () => {
  broker = await BrokerProcess.start(join(temporary(), 'broker'))
})
afterAll(() => broker?.stop())

const cases = readCases()

it('has cases', () => {
  expect(cases.length).toBeGreaterThanOrEqual(10)
})

describe.each(cases)('$name', (golden) => {
  const expected = readExpected(golden)

  it('gives what is expected, straight from a broker', async () => {
    expect(await runFromBroker(golden, planStraight(golden), broker.address)).toEqual(expected)
  })

  it('gives the same with every record in an epoch of its own', async () => {
    expect(await runFromMemory(golden, planStraight(golden), { block: 1, epoch: 1 })).toEqual(expected)
  })

  it('gives the same in small epochs, stopped and resumed three times', async () => {
    expect(await runFromMemory(golden, planStops(golden, [0.2, 0.5, 0.8]), { block: 2, epoch: 5 })).toEqual(expected)
  })

  it('gives the same when one partition is read after the other', async () => {
    expect(await runFromMemory(golden, planPartitionByPartition(golden), { block: 7, epoch: 9 })).toEqual(expected)
  })
})
