import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type KafkaUnderTest, startKafka } from '../support/kafka-under-test.ts'
import { writeOutcomes } from './client-outcomes.ts'
import { FEATURES, type Feature } from './features.ts'

/** By feature: what went wrong, null for nothing. */
export type Results = ReadonlyMap<string, string | null>

export interface ClientUnderTest {
  /** As the table in the docs names it. */
  readonly client: string
  readonly version: string
  /** What is not there on this machine, and would be needed. */
  readonly missing?: string | undefined
  readonly features: readonly Feature[]
  /** Of the features, where another test has the others. */
  readonly part?: string
  /** Where not every Kafka will do. */
  start?(): Promise<KafkaUnderTest>
  /** Puts the client through the checks of these features against a broker. */
  run(address: string, features: readonly Feature[]): Promise<Results>
}

// All features of a client at once, on a machine that does other things too.
const RUN_TIMEOUT_MS = 300_000

/** One test for each feature; what comes of them is kept for the table in the docs. */
export function describeClient({ client, version, missing, features, part, start, run }: ClientUnderTest): void {
  const name = missing === undefined ? client : `${client} (needs ${missing})`
  describe.skipIf(missing !== undefined)(name, () => {
    let folder: string
    let kafka: KafkaUnderTest
    let results: Results
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'headrace-client-'))
      kafka = await (start ?? (() => startKafka(folder)))()
      results = await run(kafka.address, features)
    }, RUN_TIMEOUT_MS)
    afterAll(async () => {
      await kafka?.stop()
      await rm(folder, { recursive: true, force: true })
      if (results !== undefined && kafka.name === 'the embedded broker') await writeOutcomes(summary(), part)
    })

    it.each(features.map((feature) => ({ feature, text: FEATURES[feature] })))('$text', ({ feature }) => {
      const problem = results.get(feature)
      if (problem !== null) throw new Error(problem ?? `${client} said nothing about "${feature}"`)
    })

    const summary = () => {
      const outcomes = features.map(
        (feature) => [feature, results.get(feature) === null ? 'passed' : 'failed'] as const,
      )
      return { client, version, features: Object.fromEntries(outcomes) }
    }
  })
}

/** Checks written in TypeScript, one after the other. */
export async function runChecks(checks: Partial<Record<Feature, () => Promise<void>>>): Promise<Results> {
  const results = new Map<string, string | null>()
  for (const [feature, check] of Object.entries(checks)) {
    try {
      await check()
      results.set(feature, null)
    } catch (error) {
      results.set(feature, error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
  }
  return results
}

/** What programs of other languages print: a line of JSON for each feature, `{ feature, error }`. Other lines are theirs alone. */
export function parseResults(output: string): Results {
  const lines = output.split('\n').filter((line) => line.startsWith('{"feature":'))
  const results = lines.map((line) => JSON.parse(line) as { feature: string; error: string | null })
  return new Map(results.map(({ feature, error }) => [feature, error]))
}
