import { KafkaNotRunningError } from '../errors.ts'
import { readRunningServices } from '../services/dev-file.ts'
import type { Sender } from './sender.ts'
import type { GenerateTarget } from './target.ts'

export interface OpenedSender {
  readonly sender: Sender
  /** For a person: what it is. */
  readonly name: string
  /** Partitions that records may go to. */
  readonly partitions: number
}

/**
 * Opens a target; a topic that does not exist is made with so many partitions. Loads kafkajs only where it is needed.
 * Throws GENERATE_KAFKA_FAILED, GENERATE_WRITE_FAILED, KAFKA_NOT_RUNNING.
 */
export async function openSender(target: GenerateTarget, data: string, partitions: number): Promise<OpenedSender> {
  switch (target.kind) {
    case 'stdout': {
      const { streamSender } = await import('./ndjson-sender.ts')
      return { sender: streamSender(process.stdout, 'stdout'), name: 'stdout', partitions }
    }
    case 'file': {
      const { openFileSender } = await import('./ndjson-sender.ts')
      return { sender: await openFileSender(target.path), name: target.path, partitions }
    }
    case 'kafka': {
      const { ensureTopic, openKafkaSender } = await import('./kafka-sender.ts')
      const topic = { topic: target.topic, bootstrap: target.bootstrap ?? (await runningBroker(data)), partitions }
      const found = await ensureTopic(topic)
      const name = `kafka://${topic.bootstrap.join(',')}/${topic.topic}`
      return { sender: await openKafkaSender(topic), name, partitions: found }
    }
  }
}

async function runningBroker(data: string): Promise<readonly string[]> {
  const running = await readRunningServices(data)
  if (running === undefined) throw new KafkaNotRunningError({ data })
  return [running.kafka.bootstrap]
}
