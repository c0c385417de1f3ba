import { addressesOf, type KafkaConnection, translateKafkaError } from '@headrace/adapters/kafka'
import { compress, decompress } from '@headrace/broker/protocol'
import kafkajs, { type EachBatchPayload, type IHeaders, type KafkaMessage } from 'kafkajs'
import { kafkaClient } from '../../generator/kafka-sender.ts'
import { RecordView } from './record-view.ts'
import type { RecordTarget } from './topic-reader.ts'

export interface GroupReadOptions {
  readonly group: string
  readonly topic: string
  /** Where a partition begins of which the group has committed nothing. */
  readonly fromBeginning: boolean
  readonly readCommitted: boolean
  readonly signal: AbortSignal
}

/**
 * Reads a topic as a member of a group; what has been written out is committed. By kafkajs: joining, heartbeats and
 * rebalances are what it does well.
 */
export async function readAsGroup(
  connection: KafkaConnection,
  options: GroupReadOptions,
  target: RecordTarget,
): Promise<void> {
  const { group, topic, fromBeginning, readCommitted, signal } = options
  registerCodecs()
  const bootstrap = addressesOf(connection).map(({ host, port }) => `${host}:${port}`)
  const consumer = kafkaClient(bootstrap, clientSettings(connection)).consumer({
    groupId: group,
    readUncommitted: !readCommitted,
    allowAutoTopicCreation: false,
    retry: { retries: 3, restartOnFailure: async () => false },
  })
  const view = new RecordView()
  const over = Promise.withResolvers<void>()
  const stop = () => over.resolve()
  let isOver = false
  consumer.on(consumer.events.CRASH, ({ payload }) => over.reject(payload.error))
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning })
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat, isRunning, isStale }: EachBatchPayload) => {
        if (isOver || isStale() || !isRunning()) return
        let next: string | undefined
        for (const message of batch.messages) {
          showIn(view, batch.partition, message)
          const isToGoOn = target.record(view)
          next = String(BigInt(message.offset) + 1n)
          if (isToGoOn) continue
          isOver = true
          break
        }
        await target.flush()
        if (next !== undefined) await consumer.commitOffsets([{ topic, partition: batch.partition, offset: next }])
        await heartbeat()
        if (isOver) stop()
      },
    })
    await over.promise
  } catch (error) {
    throw translateKafkaError(error, { bootstrap: bootstrap.join(','), operation: `read topic "${topic}"` })
  } finally {
    isOver = true
    signal.removeEventListener('abort', stop)
    await consumer.disconnect()
  }
}

function clientSettings({ clientId, ssl, sasl }: KafkaConnection) {
  return {
    clientId,
    ...(ssl === undefined || ssl === false ? {} : { ssl }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism.toLowerCase() as 'plain',
            username: sasl.username,
            password: sasl.password,
          },
        }),
  }
}

/** kafkajs knows gzip alone. */
function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs
  const codecs = { snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD } as const
  for (const [name, type] of Object.entries(codecs)) {
    CompressionCodecs[type] = () => ({
      compress: async ({ buffer }: { buffer: Buffer }) => compress(name as keyof typeof codecs, buffer),
      decompress: async (buffer: Buffer) => decompress(name as keyof typeof codecs, buffer),
    })
  }
}

/** Lays a record out as a batch has it, so that it is shown as all others are. */
function showIn(view: RecordView, partition: number, message: KafkaMessage): void {
  const { key, value, headers = {} } = message
  view.partition = partition
  view.offset = Number(message.offset)
  view.timestamp = Number(message.timestamp)
  view.show(key ?? null, value, flat(headers))
}

function flat(headers: IHeaders): [string, Buffer | null][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, Buffer | null] => [
      name,
      one === undefined ? null : Buffer.from(one),
    ]),
  )
}
