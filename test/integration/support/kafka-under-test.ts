import { inject } from 'vitest'
import { BrokerProcess } from '../../support/broker-process.ts'

/** The Kafka that a test file talks to: the embedded broker, or Apache Kafka in the project `apache-kafka`. */
export interface KafkaUnderTest {
  readonly address: string
  readonly name: 'the embedded broker' | 'Apache Kafka'
  stop(): Promise<void>
}

export async function startKafka(dataDir: string): Promise<KafkaUnderTest> {
  const apache = inject('apacheKafka')
  if (apache !== undefined && 'address' in apache) {
    return { address: apache.address, name: 'Apache Kafka', stop: async () => undefined }
  }
  const broker = await BrokerProcess.start(dataDir)
  return { address: broker.address, name: 'the embedded broker', stop: () => broker.stop() }
}
