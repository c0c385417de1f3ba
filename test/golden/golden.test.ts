import { describe, expect, it } from 'vitest'
import { readCases } from './golden-case.ts'
import { readExpected } from './outcome.ts'
import { planOutOfStep, planStops, planStraight } from './planned-run.ts'
import { recount } from './recount.ts'
import { runFromMemory } from './run-golden.ts'

const cases = readCases()

it('has cases', () => {
  expect(cases.length).toBeGreaterThanOrEqual(10)
})

describe.each(cases)('$name', (golden) => {
  const expected = readExpected(golden)

  it('expects what plain DuckDB counts', async () => {
    const { datasets, deadLetters, counts } = await recount(golden)
    const lines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort()
    const counted = Object.entries(datasets).map(([name, rows]) => [name, lines(rows)])
    expect({ datasets: Object.fromEntries(counted), deadLetters: lines(deadLetters), counts }).toEqual(expected)
  })

  it('gives what is expected with every record in an epoch of its own', async () => {
    expect(await runFromMemory(golden, planStraight(golden), { block: 1, epoch: 1 })).toEqual(expected)
  })

  it('gives the same in small epochs, stopped and resumed twice', async () => {
    expect(await runFromMemory(golden, planStops(golden, [0.35, 0.7]), { block: 2, epoch: 5 })).toEqual(expected)
  })

  it('gives the same when it has read one partition before there are others', async () => {
    expect(await runFromMemory(golden, planOutOfStep(golden), { block: 7, epoch: 9 })).toEqual(expected)
  })
})
