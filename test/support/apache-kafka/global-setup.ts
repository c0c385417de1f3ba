import type { TestProject } from 'vitest/node'
import { provideApacheKafka } from './provide.ts'
import { untilCoordinating } from './until-coordinating.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the Apache Kafka that this project's tests talk to: its address, or why there is none. Not there in other projects. */
    apacheKafka: { readonly address: string } | { readonly missing: string } | undefined
  }
}

/** One Apache Kafka for all tests of a project. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kafka = await provideApacheKafka()
  if ('address' in kafka) {
    console.log(`Apache Kafka: ${kafka.from}`)
    await untilCoordinating(kafka.address).catch(async (error: unknown) => {
      await kafka.stop()
      throw error
    })
    project.provide('apacheKafka', { address: kafka.address })
    return () => kafka.stop()
  }
  console.log(`Apache Kafka: none, so its tests are skipped\n  ${kafka.reasons.join('\n  ')}`)
  project.provide('apacheKafka', { missing: kafka.reasons.join('; ') })
  return async () => undefined
}
