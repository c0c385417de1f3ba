import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'

/** A client that does nothing wrong, and expects the broker to do the same. */
export class HealthyClient {
  readonly #kafka: Kafka
  readonly #topic: string
  readonly #producer: Producer
  readonly #acknowledged: string[] = []
  slowestMs = 0

  constructor(address: string, topic: string) {
    this.#kafka = new Kafka({
      brokers: [address],
      clientId: 'healthy',
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
    })
    this.#topic = topic
    this.#producer = this.#kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  }

  get sent(): number {
    return this.#acknowledged.length
  }

  async begin(): Promise<void> {
    const admin = this.#kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: this.#topic, numPartitions: 1 }] })
    await admin.disconnect()
    await this.#producer.connect()
  }

  /** Writes one message and waits for its acknowledgement. */
  async write(): Promise<void> {
    const value = `message ${this.#acknowledged.length}`
    const startedAt = performance.now()
    await this.#producer.send({ topic: this.#topic, messages: [{ value }], acks: -1 })
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt)
    this.#acknowledged.push(value)
  }

  /** Whether all that was acknowledged, and nothing else, is in the topic. */
  async verify(): Promise<boolean> {
    const consumer = this.#kafka.consumer({ groupId: `reader of ${this.#topic}` })
    await consumer.connect()
    await consumer.subscribe({ topic: this.#topic, fromBeginning: true })
    const read: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        read.push(String(message.value))
        if (read.length >= this.#acknowledged.length) resolve()
      },
    })
    await promise
    await consumer.disconnect()
    return read.join() === this.#acknowledged.join()
  }

  async end(): Promise<void> {
    await this.#producer.disconnect()
  }
}
