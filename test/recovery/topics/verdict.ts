import { Kafka, logLevel } from 'kafkajs'
import { readTopic } from '../../integration/support/read-topic.ts'
import { COPIES, TOTALS, type TopicsScene } from './scene.ts'

export interface TopicsVerdict {
  /** Records that a kafkajs consumer of committed records sees. */
  readonly copies: number
  readonly totals: number
  /** In words; nothing where nothing was lost and nothing came twice. */
  readonly wrong: readonly string[]
}

export async function readVerdict(scene: TopicsScene): Promise<TopicsVerdict> {
  const kafka = new Kafka({ brokers: [scene.address], clientId: 'reader', logLevel: logLevel.NOTHING })
  const copies = (await readTopic(kafka, COPIES)).map(({ value }) =>
    String((JSON.parse(value ?? '{}') as { tid: string }).tid),
  )
  const totals = (await readTopic(kafka, TOTALS)).map(({ value }) => {
    const row = JSON.parse(value ?? '{}') as { window_start: string; uno: string; orders: number; items: number }
    return [
      Date.parse(`${row.window_start.replace(' ', 'T').replace(/Z?$/, 'Z')}`),
      row.uno,
      row.orders,
      row.items,
    ].join(' ')
  })
  const expectedCopies = [...scene.good].flatMap(([tid, times]) => Array.from({ length: times }, () => tid))
  const expectedTotals = scene.recount.rows().map((row) => [row.windowStart, row.uno, row.orders, row.items].join(' '))
  return {
    copies: copies.length,
    totals: totals.length,
    wrong: [...differences(COPIES, expectedCopies, copies), ...differences(TOTALS, expectedTotals, totals)],
  }
}

function differences(topic: string, expected: readonly string[], found: readonly string[]): string[] {
  const lost = without(expected, found)
  const extra = without(found, expected)
  return [
    ...(lost.length > 0 ? [`${topic} lacks ${lost.length} records, such as ${lost[0]}`] : []),
    ...(extra.length > 0 ? [`${topic} has ${extra.length} records too many, such as ${extra[0]}`] : []),
  ]
}

/** What `all` has more often than `others`. */
export function without(all: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const row of others) counts.set(row, (counts.get(row) ?? 0) + 1)
  return all.filter((row) => {
    const left = counts.get(row) ?? 0
    counts.set(row, left - 1)
    return left <= 0
  })
}
