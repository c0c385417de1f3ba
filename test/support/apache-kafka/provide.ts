import { KafkaContainer } from '@testcontainers/kafka'
import { getContainerRuntimeClient, Wait } from 'testcontainers'
import { ApacheKafkaProcess } from './kafka-process.ts'

const IMAGE = 'confluentinc/cp-kafka:8.1.0'

export interface ProvidedKafka {
  /** `host:port` of a broker. */
  readonly address: string
  /** Where it came from, in words. */
  readonly from: string
  stop(): Promise<void>
}

/** A way to an Apache Kafka; gives undefined where it does not apply, throws where it should have worked. */
type Provider = () => Promise<ProvidedKafka | undefined>

const PROVIDERS: Readonly<Record<string, Provider>> = {
  'the address in HEADRACE_TEST_KAFKA': givenAddress,
  'a container': container,
  'a process of its own': ownProcess,
}

/** The first Apache Kafka that can be had; where there is none, the reasons, a line for each way that was tried. */
export async function provideApacheKafka(): Promise<ProvidedKafka | { readonly reasons: readonly string[] }> {
  const reasons: string[] = []
  for (const [name, provide] of Object.entries(PROVIDERS)) {
    try {
      const provided = await provide()
      if (provided !== undefined) return provided
      reasons.push(`${name}: none`)
    } catch (error) {
      reasons.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { reasons }
}

async function givenAddress(): Promise<ProvidedKafka | undefined> {
  const address = process.env.HEADRACE_TEST_KAFKA
  if (address === undefined || address === '') return undefined
  return { address, from: `HEADRACE_TEST_KAFKA (${address})`, stop: async () => undefined }
}

async function container(): Promise<ProvidedKafka | undefined> {
  if (!(await engineAnswers())) return undefined
  // The container's own signs of life come before the broker's.
  const started = await new KafkaContainer(IMAGE)
    .withKraft()
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start()
  return {
    address: `${started.getHost()}:${started.getMappedPort(9093)}`,
    from: `a container of ${IMAGE}`,
    stop: async () => void (await started.stop()),
  }
}

async function engineAnswers(): Promise<boolean> {
  try {
    await getContainerRuntimeClient()
    return true
  } catch {
    return false
  }
}

async function ownProcess(): Promise<ProvidedKafka> {
  const kafka = await ApacheKafkaProcess.start()
  return {
    address: kafka.address,
    from: `a process from Maven’s artifacts (${kafka.address})`,
    stop: () => kafka.stop(),
  }
}
