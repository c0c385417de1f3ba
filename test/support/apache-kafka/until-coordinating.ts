import { setTimeout } from 'node:timers/promises'
import { type Admin, Kafka, logLevel } from 'kafkajs'

/** Their hashes are four numbers in a row: so each of up to four partitions of a coordinator's topic has one. */
const IDS = ['a', 'b', 'c', 'd']
const WITHIN_MS = 60_000

/**
 * Resolves when a fresh cluster answers for groups and transactions: it makes their topics when first asked, and tells clients
 * meanwhile that there is no coordinator, which some do not wait for.
 */
export async function untilCoordinating(address: string): Promise<void> {
  const kafka = new Kafka({
    brokers: [address],
    logLevel: logLevel.NOTHING,
    retry: { retries: 100, maxRetryTime: 500 },
  })
  const admin = kafka.admin()
  await admin.connect()
  try {
    await Promise.all(IDS.flatMap((id) => [fetchOffsets(admin, id), abortTransaction(kafka, id)]))
  } finally {
    await admin.disconnect()
  }
}

/** Again until it is answered: kafkajs does not wait here. */
async function fetchOffsets(admin: Admin, groupId: string): Promise<void> {
  const end = Date.now() + WITHIN_MS
  for (;;) {
    try {
      await admin.fetchOffsets({ groupId })
      return
    } catch (error) {
      if (Date.now() > end) throw error
      await setTimeout(100)
    }
  }
}

async function abortTransaction(kafka: Kafka, transactionalId: string): Promise<void> {
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true })
  await producer.connect()
  await (await producer.transaction()).abort()
  await producer.disconnect()
}
