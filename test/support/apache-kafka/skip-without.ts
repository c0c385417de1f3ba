import { beforeEach, inject } from 'vitest'

// Without an Apache Kafka every test of the project is skipped, by its name: under CI that fails the run.
const kafka = inject('apacheKafka')
if (kafka !== undefined && 'missing' in kafka) {
  beforeEach((context) => context.skip(`no Apache Kafka: ${kafka.missing}`))
}
